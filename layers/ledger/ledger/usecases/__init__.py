"""What the functions do: one verb a file, over any store."""
