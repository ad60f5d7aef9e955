"""Tenants, apart from each other."""
