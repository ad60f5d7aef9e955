"""AsyncAPI documents of APIs: read, checked, told as 3.0, and shown to subscribers."""
