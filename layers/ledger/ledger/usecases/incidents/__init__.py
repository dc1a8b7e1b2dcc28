"""Incidents: find the runs that failed between two times, begin to replace their credits, and do it by account."""
