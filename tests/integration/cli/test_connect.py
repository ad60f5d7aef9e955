import subprocess
import sys
from http import HTTPStatus

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from cli.errors import CommandError
from tests.support.command import framegate
from tests.support.websocket import echo, problem_response, websocket_server


def test_sends_messages_and_prints_the_answers_alone_on_the_output() -> None:
    with websocket_server(echo) as url:
        ran = framegate("connect", url, "-m", "one", "-m", "zwei ü", "--wait", "0.2")
    assert ran.exit_code == 0
    assert ran.out == "one\nzwei ü\n"
    assert ran.err == f"connected to {url}\nclosed: 1000 normal_closure\n"


@pytest.mark.parametrize("typed", ["one\ntwo\n", "one\r\ntwo"])
def test_sends_what_is_piped_in_line_by_line(typed: str) -> None:
    with websocket_server(echo) as url:
        command = [sys.executable, "-m", "cli.main", "connect", url, "--wait", "0.3"]
        ran = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=20, check=False)
    assert (ran.returncode, ran.stdout) == (0, "one\ntwo\n")


def test_ends_when_the_server_closes_though_the_input_stays_open() -> None:
    with websocket_server(lambda connection: connection.close(4503, "subscription_blocked")) as url:
        command = [sys.executable, "-m", "cli.main", "connect", url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.wait(10) == 1
            assert process.stderr
            said = process.stderr.read()
    assert "closed: 4503 subscription_blocked, The subscription is blocked, don't come back" in said


def test_shows_binary_messages_by_size_and_content() -> None:
    def send_bytes(connection: ServerConnection) -> None:
        connection.send(b"\x00\x01\xff")
        connection.recv()

    with websocket_server(send_bytes) as url:
        assert framegate("connect", url, "-m", "x", "--wait", "0.2").out == "(3 bytes) 00 01 ff\n"


def test_carries_the_token_and_offers_subprotocols() -> None:
    seen: list[Request] = []

    def record(request: Request) -> None:
        seen.append(request)

    with websocket_server(echo, record) as url:
        ran = framegate(
            "connect", url, "-m", "x", "--wait", "0.1", "--subprotocol", "chat.v2", env={"FRAMEGATE_TOKEN": "abc"}
        )
    assert seen[0].headers["Authorization"] == "Bearer abc"
    assert f"connected to {url}, subprotocol chat.v2" in ran.err


def test_says_what_the_problem_document_of_a_refusal_says() -> None:
    def refuse(_: Request) -> Response:
        return problem_response(HTTPStatus.FORBIDDEN, b'{"title": "No subscription", "detail": "subscribe first"}')

    with websocket_server(echo, refuse) as url:
        ran = framegate("connect", url, "-m", "x")
    assert isinstance(ran.error, CommandError)
    assert str(ran.error) == "refused: HTTP 403, No subscription: subscribe first"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1", "not a WebSocket URL"),
        ("echo", "not a WebSocket URL"),
        ("ws://127.0.0.1:1", "can't connect to ws://127.0.0.1"),
    ],
)
def test_says_why_it_can_not_connect(url: str, said: str) -> None:
    error = framegate("connect", url, "-m", "x").error
    assert isinstance(error, CommandError)
    assert said in str(error)


def test_a_command_that_fails_says_so_in_one_line() -> None:
    command = [sys.executable, "-m", "cli.main", "connect", "echo"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == 1
    assert ran.stderr == "framegate: echo is not a WebSocket URL: it starts with ws:// or wss://\n"
