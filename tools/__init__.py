"""Commands for people: the local run, the ledger on paper, the engines underneath."""
