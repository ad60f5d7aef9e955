"""APIs and their lifecycle."""
