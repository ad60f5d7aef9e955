"""The demo as a user runs it: a process, with signals."""

import os
import re
import signal
import socket
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.support.certificate import make_certificate
from tests.support.demo import COMMAND, running
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.timeout(300),  # they wait for each other
    pytest.mark.usefixtures("usual_ports"),
]


def descendants(pid: int) -> set[int]:
    """Return the processes that a process has started, and those that these have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists() and not _is_zombie(pid)}


def _is_zombie(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def test_smoke_sends_one_message_through_the_gateway() -> None:
    ran = subprocess.run([*COMMAND, "--smoke"], capture_output=True, text=True, timeout=90, check=False)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"through ws://localhost:\d+/echowebsocket/1\.0: Hello, Framegate!", ran.stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_what_it_says_to_try_works_and_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as demo:
        headers = {"Authorization": "Bearer " + demo.find(r"FRAMEGATE_TOKEN=(\S+)")}
        with connect(demo.find(r"at (ws://\S+)"), additional_headers=headers) as connection:
            connection.send("hello")
            assert connection.recv(timeout=5) == "hello"
        children, folder = descendants(demo.process.pid), Path(demo.find(r"Logs +(\S+)"))
        assert len(children) >= 5
        demo.process.send_signal(number)
        assert demo.process.wait(30) == 0
    assert not alive(children)
    assert not folder.exists()


def test_with_a_certificate_it_serves_wss(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(files.cert))
    with running(tmp_path, "--tls-cert", files.cert, "--tls-key", files.key) as demo:
        headers = {"Authorization": "Bearer " + demo.find(r"FRAMEGATE_TOKEN=(\S+)")}
        url = demo.find(r"(wss://\S+)") + "/echowebsocket/1.0"
        with connect(url, additional_headers=headers, ssl=context) as connection:
            connection.send("hello")
            assert connection.recv(timeout=5) == "hello"


def test_every_port_is_on_loopback_alone(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        sockets = {
            str(link.readlink())
            for pid in descendants(demo.process.pid)
            for link in Path(f"/proc/{pid}/fd").glob("*")
            if link.is_symlink()
        }
        listening = [
            line.split()
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
            if line.split()[3] == "0A"
        ]
        addresses = {fields[1].partition(":")[0] for fields in listening if f"socket:[{fields[9]}]" in sockets}
    assert addresses == {"0100007F"}  # 127.0.0.1, in the machine's order


def test_what_it_started_dies_even_when_it_is_killed(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        children = descendants(demo.process.pid)
        demo.process.kill()
        demo.process.wait()
        wait_until(lambda: not alive(children), within=20)


def test_a_child_that_dies_ends_it_with_the_last_lines(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        victim = next(
            pid for pid in descendants(demo.process.pid) if b"data-plane" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        os.kill(victim, signal.SIGKILL)
        assert demo.process.wait(30) == 1
        children = descendants(demo.process.pid)
    assert "framegate: the pod ended with -9. Its last lines:" in demo.said
    assert not alive(children)


def test_it_takes_other_ports_where_the_usual_ones_are_taken(tmp_path: Path) -> None:
    with socket.socket() as ours:  # if somebody else has it, that will do
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            ours.bind(("127.0.0.1", 9099))
            ours.listen()
        with running(tmp_path) as demo:
            assert "Port 9099 is taken" in demo.said
            assert "at ws://localhost:9099/" not in demo.said
