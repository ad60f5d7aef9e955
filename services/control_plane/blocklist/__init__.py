"""Who and what is turned away."""
