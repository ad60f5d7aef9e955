"""How many sockets a process may have. Children inherit it."""

import resource

_OTHERS = 100
_PORTS = 25_000  # of one address, which a proxy has towards the backend's; Linux gives 28,232 unless told otherwise


def raise_limit() -> int:
    """Raise this process' limit as far as it goes; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def most_connections() -> int:
    """Return how many connections a proxy can relay at once: each takes two sockets, there and in the generator."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min((limit - 2 * _OTHERS) // 2 // 100 * 100, _PORTS)
