import socket

from cli.network import free_port


def test_the_port_that_is_wanted_is_taken_if_it_is_free() -> None:
    port = free_port()
    assert free_port(port) == port


def test_another_one_is_taken_where_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert free_port(taken) not in {taken, 0}


def test_a_connection_that_lingers_is_no_obstacle() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first is the one that waits
            assert client.recv(1) == b""
    assert free_port(port) == port
