"""The TLS port: what it speaks, and how its certificate is changed under open connections."""

import asyncio
import shutil
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from services.data_plane import tls
from services.data_plane.settings import Settings
from services.data_plane.tls import CertificateError, load_certificate
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_listener import descriptors
from tests.integration.data_plane.test_tails import messages, told, watch
from tests.support.certificate import Certificate, make_certificate
from tests.support.waiting import eventually
from tests.support.world import World


def trusting(files: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=files.cert)


@pytest.fixture
def files(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path)


@pytest.fixture
async def secure(world: World, backend: Backend, pod_settings: Settings, files: Certificate) -> AsyncIterator[Gate]:
    """Run a pod with a TLS port."""
    world.put_tutorial(backend.url)
    async with run_gate(world, with_tls(pod_settings, files)) as gate:
        yield gate


def with_tls(settings: Settings, files: Certificate) -> Settings:
    return settings.model_copy(update={"tls_cert": files.cert, "tls_key": files.key})


def wss(gate: Gate, context: ssl.SSLContext, **options: Any) -> connect:
    headers = {"Authorization": f"Bearer {gate.world.issuer.token()}"}
    uri = f"wss://localhost:{gate.tls_port}/echo/1.0"
    return connect(uri, ssl=context, additional_headers=headers, proxy=None, **options)


def failures(gate: Gate) -> float:
    """Return how many connections ended in TLS."""
    return float(gate.pod.telemetry.handshakes.refused_connections.labels("tls")._value.get())


def renew(folder: Path, files: Certificate) -> Certificate:
    """Put another certificate into the files."""
    (folder / "new").mkdir()
    new = make_certificate(folder / "new")
    shutil.copy(new.cert, files.cert)
    shutil.copy(new.key, files.key)
    return new


async def test_messages_of_all_sizes_pass(secure: Gate, backend: Backend, files: Certificate) -> None:
    async with wss(secure, trusting(files), max_size=2**21) as client:
        for message in ("hello", b"", b"x" * 70_000, "y" * 2**20):
            await client.send(message)
            assert await client.recv() == message
    assert backend.request.headers["X-Forwarded-Proto"] == "https"
    assert backend.request.headers["X-Forwarded-For"] == "127.0.0.1"
    await eventually(lambda: len(secure.pod.registry) == 0)


async def test_old_versions_of_tls_are_refused(secure: Gate, files: Certificate) -> None:
    old = trusting(files)
    old.set_ciphers("ALL:@SECLEVEL=0")  # else it would not even ask
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await wss(secure, old)
    await eventually(lambda: failures(secure) == 1)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = trusting(files)
        context.minimum_version = context.maximum_version = version
        async with wss(secure, context) as client:
            cipher = client.transport.get_extra_info("cipher")[0]
            assert cipher.startswith(("TLS_", "ECDHE-", "DHE-")), "without forward secrecy"


async def test_a_new_certificate_is_taken_without_dropping_anybody(
    secure: Gate, files: Certificate, tmp_path: Path
) -> None:
    old = trusting(files)
    async with wss(secure, old) as client:
        new = renew(tmp_path, files)
        assert secure.pod.certificate
        secure.pod.certificate.reload()
        async with wss(secure, trusting(new)) as other:
            await other.send("new")
            assert await other.recv() == "new"
        with pytest.raises(ssl.SSLCertVerificationError):
            await wss(secure, old)
        await client.send("still here")
        assert await client.recv() == "still here"


@pytest.mark.parametrize("damage", ["not a certificate", "another key", "no file"])
async def test_a_broken_certificate_is_refused_and_the_old_one_stays(
    secure: Gate, files: Certificate, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    context = trusting(files)
    if damage == "not a certificate":
        files.cert.write_text("-----BEGIN CERTIFICATE-----\n")
    elif damage == "another key":
        (tmp_path / "other").mkdir()
        shutil.copy(make_certificate(tmp_path / "other").key, files.key)
    else:
        files.key.unlink()
    assert secure.pod.certificate
    secure.pod.certificate.reload()
    assert "the certificate in use stays" in caplog.text
    async with wss(secure, context) as client:
        await client.send("as before")
        assert await client.recv() == "as before"


def test_a_certificate_that_is_no_good_is_said_at_the_start(
    pod_settings: Settings, files: Certificate, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = make_certificate(tmp_path / "other")
    with pytest.raises(CertificateError, match="the key is another certificate's"):
        load_certificate(pod_settings.model_copy(update={"tls_cert": files.cert, "tls_key": other.key}))
    with pytest.raises(CertificateError, match="not PEM"):
        load_certificate(pod_settings.model_copy(update={"tls_cert": files.key, "tls_key": files.key}))


def test_a_key_with_a_pass_phrase_is_an_error_and_no_question(pod_settings: Settings, files: Certificate) -> None:
    files.lock_key()
    with pytest.raises(CertificateError, match="key"):
        load_certificate(with_tls(pod_settings, files))


async def test_a_client_that_never_begins_tls_is_dropped(secure: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_SECONDS", 0.3)
    assert secure.tls_port
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.tls_port)
    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await eventually(lambda: failures(secure) == 1)


async def test_plain_http_on_the_tls_port_ends_in_nothing(secure: Gate) -> None:
    assert secure.tls_port
    before = descriptors()
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", secure.tls_port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with suppress(ConnectionError):
            assert not (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP")
        writer.close()
    await eventually(lambda: descriptors() <= before + 2)


async def test_clients_that_come_and_go_say_nothing_in_the_log(
    secure: Gate, files: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    """A balancer that looks whether the port is open does so each second."""
    assert secure.tls_port
    hello = begin_tls(trusting(files))
    for first in (b"", hello[:7], hello[:-1], hello):
        _, writer = await asyncio.open_connection("127.0.0.1", secure.tls_port)
        writer.write(first)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    await eventually(lambda: failures(secure) == 4)
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


def begin_tls(context: ssl.SSLContext) -> bytes:
    """Return the first message of a client."""
    out = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


async def test_messages_under_tls_are_seen_by_who_watches_and_pass_when_nobody_does_any_more(
    secure: Gate, files: Certificate
) -> None:
    async with wss(secure, trusting(files), compression=None) as client:
        await watch(secure)
        for message in ("four", b"x" * 70_000):
            await client.send(message)
            assert await client.recv() == message
        sizes = [(direction, size) for direction, size, _ in messages(await told(secure, 4))]
        assert sizes == [("publish", 4), ("subscribe", 4), ("publish", 70_000), ("subscribe", 70_000)]
        for tail in secure.pod.tails._tails.values():
            tail.until = 0.0
        await secure.pod.tails.flush()
        assert not secure.pod.tails._taps
        await client.send("still")
        assert await client.recv() == "still"
