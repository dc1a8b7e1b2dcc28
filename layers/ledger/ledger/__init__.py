"""The ledger of Image Tagger AI: who bought which credits, what became of them, and why."""

from ledger import init as init  # before everything else of it
