"""The ledger of Image Tagger AI: who bought which credits, what became of them, and why."""
