"""The proof: that the ledger is right in any order, under any repetition, crash, concurrency, fault and input."""
