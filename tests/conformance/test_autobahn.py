"""Autobahn's cases direct and through the gateway: the same verdict in each, save for what `known.toml` explains.

The gateway stands before an echo server that Autobahn's client attacks, and before Autobahn's server, which attacks an
echoing client. All cases of groups 1 to 7, 9 and 10, and a sample of 12 and 13, or with `--all-cases` all of those.
"""

import asyncio
import os
import socket
from pathlib import Path

from tests.conformance import clients
from tests.conformance.autobahn import Cases, Verdicts, drive, fuzzing_server, read_verdicts
from tests.conformance.clients import Echo, run_all
from tests.conformance.known import Peer, expected_of
from tests.support.pod import PodProcess
from tests.support.waiting import free_port, wait_until

ECHOES = {"aiohttp": "tests.conformance.echo", "websockets": "cli.echo"}
CLIENTS: dict[Peer, Echo] = {"aiohttp": clients.with_aiohttp, "websockets": clients.with_websockets}


def check(peer: Peer, direct: Verdicts, through: Verdicts) -> None:
    assert not list(expected_of(peer, set(direct)).find_faults(direct, through))


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_before_an_echo_server(pod: PodProcess, tmp_path: Path, peer: Peer, cases: Cases, at_once: int) -> None:
    port = free_port()
    backend = f"ws://127.0.0.1:{port}"
    arguments = ("--port", str(port)) if peer == "websockets" else (str(port),)
    pod.stack.start("backend", ECHOES[peer], *arguments, env={"PATH": os.defpath})
    wait_until(lambda: is_listening(port), within=20)
    pod.serve(backend, api_policy="Ample")
    check(
        peer,
        *(drive(url, cases, tmp_path / name, at_once) for name, url in (("direct", backend), ("through", pod.url))),
    )


async def test_before_a_fuzzing_server(pod: PodProcess, tmp_path: Path, peer: Peer, cases: Cases, at_once: int) -> None:
    verdicts = []
    for name in ("direct", "through"):
        with fuzzing_server(cases, tmp_path / name) as (backend, process):
            await asyncio.to_thread(pod.serve, backend, api_policy="Ample")
            await run_all(CLIENTS[peer], backend if name == "direct" else pod.url, at_once)
            verdicts.append(await asyncio.to_thread(read_verdicts, process, tmp_path / name))
    check(peer, *verdicts)
