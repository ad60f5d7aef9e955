import socket


def free_port(wanted: int = 0, host: str = "127.0.0.1") -> int:
    """Return `wanted` if it can be listened on, else a port that nobody listens on."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that lingers is no obstacle
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"no port is free on {host}")
