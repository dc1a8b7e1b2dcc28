"""The operators' command `billing`: its arguments, its output for people and machines, its exit codes.

The work is done in `tools`. Each command imports it in its body, so that help and shell completion respond at once.
"""
