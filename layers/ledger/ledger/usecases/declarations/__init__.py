"""Declarations: receive a withdrawal or a cancellation without a login, find its contract, and carry it out."""
