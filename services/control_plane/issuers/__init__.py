"""Issuers that are not ours, and that APIs may trust."""
