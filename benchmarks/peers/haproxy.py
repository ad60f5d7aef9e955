"""Debian's HAProxy as a WebSocket proxy, and with buffers large enough for large messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.harness.machine import first_line
from benchmarks.harness.target import Peer, Site, Target
from benchmarks.peers.process import accepts, find, running
from cli.network import free_port

_CONFIGURATION = """
global
    nbthread 1
    maxconn {connections}
    {buffers}

defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h

frontend clients
    bind 127.0.0.1:{port} {secure}
    default_backend backends

backend backends
    server one 127.0.0.1:{backend_port}
"""

_SPARE_CONNECTIONS = 16


@contextmanager
def start(name: str, buffers: str, site: Site) -> Iterator[Target]:
    program, port = find("haproxy"), free_port()
    configuration, tls = site.folder / f"{name}.cfg", site.certificate
    configuration.write_text(
        _CONFIGURATION.format(
            port=port,
            secure=f"ssl crt {tls.both}" if tls else "",
            connections=site.connections + _SPARE_CONNECTIONS,
            backend_port=site.backend_port,
            buffers=buffers,
        )
    )
    with running(name, [program, "-db", "-f", str(configuration)], site, partial(accepts, port)) as pid:
        yield Target(name, port, site.log(name), trusted=site.trusted, pids=(pid,))


def version() -> str:
    return first_line(find("haproxy"), "-v").partition(" - ")[0]


HAPROXY = Peer("haproxy", partial(start, "haproxy", ""), version)
HAPROXY_64K = Peer("haproxy-64k", partial(start, "haproxy-64k", "tune.bufsize 65536"), version)
