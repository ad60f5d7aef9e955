"""The way out to the pods: SQL, outbox, Redis."""
