"""Stripe: its notifications, and its API."""
