"""TLS: the certificate for clients, loaded at the start and anew while it is in use, and the handshakes.

The loop's own TLS would hold 0.4 MB and more of a peer that is not read from: decision 0009.
This is the only file that knows what does it instead.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiofastnet import connect_accepted_socket, create_connection

from services.data_plane.settings import Settings

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 5.0
RECORD_BYTES: Final = 2**14 + 256 + 5  # RFC 8446, section 5.2: the largest record, with its header


class CertificateError(Exception):
    """A certificate or key that can't be used. The text says which file, and why."""


def load_certificate(settings: Settings) -> "Certificate | None":
    """Return the certificate that the settings name, if they name one. Raises `CertificateError`."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_cert, settings.tls_key)


class Certificate:
    """The certificate that new connections get. Open ones keep the one that they began with."""

    def __init__(self, cert: Path, key: Path) -> None:
        """Load both files. Raises `CertificateError`."""
        self._cert = cert
        self._key = key
        self.context = self._load()

    def reload(self) -> None:
        """Take what is in the files now; if that is no good, say so and keep what there is."""
        try:
            self.context = self._load()
        except CertificateError as error:
            log.error("the certificate in use stays: %s", error)  # noqa: TRY400 - the text says it all
        else:
            log.info("new connections get the certificate that %s holds now", self._cert)

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)  # its ciphers have forward secrecy
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
        context.set_alpn_protocols(["http/1.1"])  # a WebSocket's upgrade is of this version
        try:
            # A key with a pass phrase would be asked for at a terminal that nobody sits at: this makes it an error.
            context.load_cert_chain(self._cert, self._key, password="")
        except ssl.SSLError as error:
            raise CertificateError(f"{self._cert} with the key {self._key}: {_explain(error)}") from error
        except OSError as error:
            raise CertificateError(f"{self._cert} or {self._key} can't be read: {error.strerror}") from error
        return context


async def shake_hands(client: socket.socket, context: ssl.SSLContext, make: Callable[[], asyncio.Protocol]) -> None:
    """Speak TLS with a client, and give it to a protocol once that stands. Raises `OSError`."""
    await connect_accepted_socket(
        asyncio.get_running_loop(),
        make,
        client,
        ssl=context,
        ssl_handshake_timeout=HANDSHAKE_SECONDS,
        ssl_shutdown_timeout=CLOSE_SECONDS,
        ssl_incoming_bio_size=RECORD_BYTES,
        ssl_outgoing_bio_size=RECORD_BYTES,
    )


def connecting(context: ssl.SSLContext, name: str) -> Callable[..., Any]:
    """Return what connects as the loop's `create_connection` does, and speaks TLS with whom the context trusts."""
    return partial(
        create_connection,
        asyncio.get_running_loop(),
        ssl=context,
        server_hostname=name,
        ssl_incoming_bio_size=RECORD_BYTES,
        ssl_outgoing_bio_size=RECORD_BYTES,
    )


def pass_over_misreports(loop: asyncio.AbstractEventLoop) -> None:
    """Keep out of the log what aiofastnet 1.2 takes for a fault: a peer that leaves during the handshake."""
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context.get("exception") is ConnectionResetError:
            return  # the class itself: nobody else reports one
        if before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)


def _explain(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is another certificate's"
    return f"not PEM that OpenSSL takes ({error.reason or error})"
