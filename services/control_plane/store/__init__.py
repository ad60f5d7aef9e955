"""What subscribers do: find APIs, and have applications, keys and subscriptions."""
