"""Response bodies of the API, one noun a file."""
