"""The public pages for withdrawals and cancellations: plain HTML forms, in seven languages, without any script."""
