"""Measure what the code costs, on this machine: calls, units and items, and times only as ratios to a floor."""
