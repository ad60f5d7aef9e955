import random
import socket

_RANGE = range(15_000, 30_000)  # below those that systems give to connections going out
_TRIES = 100


def free_port(wanted: int = 0, host: str = "127.0.0.1") -> int:
    """Return `wanted` if it can be listened on, else a port that nobody listens on.

    It isn't held: whoever wants it should listen soon. No connection that goes out takes it meanwhile.
    """
    for port in (wanted or _choose(), *(_choose() for _ in range(_TRIES))):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that lingers is no obstacle
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"no port is free on {host}")


def _choose() -> int:
    return random.SystemRandom().choice(_RANGE)
