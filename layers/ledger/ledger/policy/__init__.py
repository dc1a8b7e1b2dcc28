"""The published refund and cancellation policy, as data and rules."""
