"""Request bodies and parameters of the API, one noun a file."""
