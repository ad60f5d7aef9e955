"""Clients to start from, as text."""
