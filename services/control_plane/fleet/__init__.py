"""The pods that run, and the connections that are open on them."""
