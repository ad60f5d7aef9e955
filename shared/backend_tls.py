"""How a backend is spoken to over TLS: always verified, its name included."""

import os
import ssl


def make_context(ca_certificate: str | None, client_certificate: str | None) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, or only the given ones.

    A client certificate is one PEM text with the certificate, its chain and its key, which must have no password.
    Raises `ssl.SSLError` or `ValueError`.
    """
    context = ssl.create_default_context(cadata=ca_certificate)
    context.set_alpn_protocols(["http/1.1"])  # an upgrade is HTTP/1.1's alone
    if client_certificate is not None:
        load_chain(context, client_certificate)
    return context


def load_chain(context: ssl.SSLContext, pem: str) -> None:
    """Load a certificate and its key, which OpenSSL takes from files alone: this one never touches a disk.

    Raises `ssl.SSLError` or `ValueError`.
    """
    descriptor = os.memfd_create("framegate")
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - there is no path
        file.write(pem.encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_refuse_password)


def _refuse_password() -> str:
    raise ValueError("the key has a password")
