"""Stripe: its notifications and its API.

events ──► {sessions, invoices, subscriptions, refunds, disputes} ──► notification
client, the only module that imports the SDK ──► refunds
"""
