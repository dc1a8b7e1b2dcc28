"""Fakes and builders that the tests and the proof share."""
