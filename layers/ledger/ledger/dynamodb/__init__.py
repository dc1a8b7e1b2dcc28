"""The ledger in one DynamoDB table. `docs/access-patterns.md` lists what is read and written, and how often.

It imports nothing here: the relay reads images of items, and needs no PynamoDB.
"""
