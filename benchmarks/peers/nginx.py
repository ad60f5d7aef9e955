"""Debian's nginx as a WebSocket proxy, and with buffers large enough for large messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.harness.machine import first_line
from benchmarks.harness.target import Peer, Site, Target
from benchmarks.peers.process import accepts, find, running
from cli.network import free_port

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections {sockets}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024 {secure};
        {certificate}
        location / {{
            proxy_pass http://127.0.0.1:{backend_port};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
            {buffers}
        }}
    }}
}}
"""
_TLS = "ssl_certificate {tls.certificate}; ssl_certificate_key {tls.key}; ssl_protocols TLSv1.2 TLSv1.3;"
_OTHER_SOCKETS = 64
_LARGE = "proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;"


@contextmanager
def start(name: str, buffers: str, site: Site) -> Iterator[Target]:
    program, port, folder = find("nginx"), free_port(), site.folder / name
    folder.mkdir(exist_ok=True)
    configuration, tls = folder / "nginx.conf", site.certificate
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            port=port,
            secure="ssl" if tls else "",
            certificate=_TLS.format(tls=tls) if tls else "",
            sockets=2 * site.connections + _OTHER_SOCKETS,
            backend_port=site.backend_port,
            buffers=buffers,
        )
    )
    command = [program, "-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    with running(name, command, site, partial(accepts, port)) as pid:
        yield Target(name, port, site.log(name), trusted=site.trusted, pids=(pid,))


def version() -> str:
    return first_line(find("nginx"), "-v").partition(": ")[2]


NGINX = Peer("nginx", partial(start, "nginx", ""), version)
NGINX_64K = Peer("nginx-64k", partial(start, "nginx-64k", _LARGE), version)
