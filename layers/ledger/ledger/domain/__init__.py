"""The core: nouns, states and rules of the ledger. It imports the standard library and itself."""
