"""Who calls: people and service accounts, their roles and scopes."""
