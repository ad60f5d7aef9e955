import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cli import processes
from tests.support.waiting import free_port, wait_until


@contextmanager
def echo_backend(tmp_path: Path, *args: str) -> Iterator[str]:
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = processes.start([sys.executable, "-m", "cli.echo", "--port", str(port), *args], log=log)
    try:
        wait_until(lambda: _listens(f"ws://127.0.0.1:{port}"))
        yield f"ws://127.0.0.1:{port}"
    finally:
        assert processes.stop(process) == 0, (tmp_path / "log").read_text()


def _listens(url: str) -> bool:
    try:
        with connect(url):
            return True
    except OSError:
        return False


def _exchange(connection: ClientConnection, message: str | bytes) -> str | bytes:
    connection.send(message)
    return connection.recv(timeout=5)


def test_sends_text_binary_and_large_messages_back(tmp_path: Path) -> None:
    with echo_backend(tmp_path) as url, connect(url, max_size=None) as connection:
        large = b"x" * (1 << 20)
        assert _exchange(connection, "grüezi") == "grüezi"
        assert _exchange(connection, b"\x00\xff") == b"\x00\xff"
        assert _exchange(connection, large) == large


def test_a_prefix_tells_one_echo_from_another(tmp_path: Path) -> None:
    with echo_backend(tmp_path, "--prefix", "sandbox: ") as url, connect(url) as connection:
        assert _exchange(connection, "hello") == "sandbox: hello"


def test_picks_the_first_subprotocol_offered(tmp_path: Path) -> None:
    offered = [Subprotocol("chat.v2"), Subprotocol("chat.v1")]
    with echo_backend(tmp_path) as url, connect(url, subprotocols=offered) as connection:
        assert connection.subprotocol == "chat.v2"
