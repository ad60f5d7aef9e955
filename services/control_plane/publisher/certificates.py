"""PEM texts from outside: read once when they are written, so that no pod finds out that they can't be."""

import re
import ssl
from typing import Final

from shared.backend_tls import load_chain, make_context

_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def check_ca_certificate(pem: str) -> str:
    """Return a PEM text of certificates as it is. Raises `ValueError`."""
    if _PRIVATE_KEY.search(pem):
        raise ValueError("must not hold a private key")
    try:
        make_context(pem, None)
    except (ssl.SSLError, TypeError, ValueError) as error:
        raise ValueError("must be one or more certificates as PEM") from error
    return pem


def check_client_certificate(pem: str) -> str:
    """Return a PEM text of a certificate, its chain and its key as it is. Raises `ValueError`."""
    if "ENCRYPTED" in pem:
        raise ValueError("must hold a key without a password")
    try:
        load_chain(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pem)  # without the system's authorities: they cost 20 ms
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("must be a certificate, and its chain if any, with its private key, as PEM") from error
    return pem
