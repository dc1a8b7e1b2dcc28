"""Paddle: its notifications, and its API."""
