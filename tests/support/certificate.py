"""Certificates, signed by themselves."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_VALID = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files; `both` holds certificate and key, as HAProxy wants them."""

    cert: Path
    key: Path
    both: Path

    def lock_key(self) -> None:
        """Seal the key with a pass phrase."""
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        sealing = serialization.BestAvailableEncryption(b"secret")
        form = serialization.PrivateFormat.PKCS8
        self.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, sealing))


def make_certificate(folder: Path, host: str = "localhost", address: str = "127.0.0.1") -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    names = [x509.DNSName(host), x509.IPAddress(ip_address(address))]
    folder.mkdir(exist_ok=True)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), *_VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(folder / "cert.pem", folder / "key.pem", folder / "both.pem")
    files.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    files.both.write_bytes(files.cert.read_bytes() + files.key.read_bytes())
    return files


def server_context(certificate: Certificate, trusts: Certificate | None = None) -> ssl.SSLContext:
    """Return what a server speaks TLS with; with `trusts` it wants a certificate of its clients."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=trusts.cert if trusts else None)
    context.load_cert_chain(certificate.both)
    context.verify_mode = ssl.CERT_REQUIRED if trusts else ssl.CERT_NONE
    return context
