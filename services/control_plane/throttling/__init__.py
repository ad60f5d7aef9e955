"""Throttling policies."""
