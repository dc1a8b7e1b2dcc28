"""Writes `events/`: complete notifications in the providers' current shapes, with ids that fit into stories."""
