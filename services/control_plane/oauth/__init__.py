"""Clients, tokens and signing keys. It knows neither applications nor accounts."""
