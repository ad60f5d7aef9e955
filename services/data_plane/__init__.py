"""A pod: admits, meters and relays WebSocket connections."""
