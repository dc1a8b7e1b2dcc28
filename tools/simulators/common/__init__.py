"""What the simulators of Stripe and Paddle share: HTTP, the account, delivery of webhooks, faults, ids and time."""
