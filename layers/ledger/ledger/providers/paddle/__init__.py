"""Paddle Billing: its notifications and its API.

events ──► {transactions, subscriptions, adjustments} ──► notification
client, the only module that imports the SDK ──► adjustments
"""
