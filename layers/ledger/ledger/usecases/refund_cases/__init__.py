"""Refund cases: opened, decided, followed to their end."""
