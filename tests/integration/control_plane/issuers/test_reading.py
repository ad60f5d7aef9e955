"""An issuer's keys are read within limits, and from nowhere else."""

import gzip
import time
from pathlib import Path
from typing import Any

import pytest

from services.control_plane.issuers.errors import NoGoodAnswerError
from services.control_plane.issuers.reading import MAX_BYTES, IssuerReader
from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.publisher.addresses import AddressChecker
from shared.addresses import AddressPolicy
from tests.support.certificate import make_certificate, server_context
from tests.support.outside import DISCOVERY, Answer, Outside

READER = IssuerReader(AddressChecker(AddressPolicy.parse("127.0.0.0/8", ""), Bulkhead(1, 1)), seconds=1)


def kids(keys: list[dict[str, Any]]) -> set[str]:
    return {key["kid"] for key in keys}


def discover(outside: Outside, metadata: dict[str, Any]) -> None:
    outside.answers[f"/realms/partner{DISCOVERY}"] = Answer({"issuer": outside.issuer, **metadata})


def test_keys_are_found_by_discovery(outside: Outside) -> None:
    assert kids(READER.read_keys(outside.issuer, None)) == {outside.keys[0].kid}
    assert outside.asked == [f"/realms/partner{DISCOVERY}", "/keys"]


def test_a_jwks_uri_that_is_given_needs_no_discovery(outside: Outside) -> None:
    assert READER.read_keys(outside.issuer, f"http://127.0.0.1:{outside.server_port}/keys")
    assert outside.asked == ["/keys"]


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"issuer": "https://another.example"}, "of another issuer"),
        ({"issuer": None}, "of another issuer"),
        ({}, "jwks_uri in its discovery document is missing"),
        ({"jwks_uri": ["http://127.0.0.1/"]}, "is missing"),
        ({"jwks_uri": "file:///etc/passwd"}, "must be an https"),
        ({"jwks_uri": "http://user:password@127.0.0.1/"}, "without credentials"),
        ({"jwks_uri": "http://[bad/"}, "jwks_uri"),
        ({"jwks_uri": "http://192.0.2.1/keys"}, "not allowed"),
        ({"jwks_uri": "http://169.254.169.254/latest"}, "not allowed"),
    ],
)
def test_discovery_leads_nowhere_else(outside: Outside, metadata: dict[str, Any], why: str) -> None:
    discover(outside, metadata)
    with pytest.raises(NoGoodAnswerError, match=why):
        READER.read_keys(outside.issuer, None)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer({}, 302, {"Location": "/keys"}), "answered 302"),
        (Answer({}, 500), "answered 500"),
        (Answer(b"<html>"), "not JSON"),
        (Answer(b"[" * 100_000), "not JSON"),
        (Answer(b"\xff"), "not JSON"),
        (Answer([]), "no JSON object"),
        (Answer({}), "no JWK Set"),
        (Answer(b" " * (MAX_BYTES + 1)), "longer than"),
        (Answer(gzip.compress(b" " * 1000), headers={"Content-Encoding": "gzip"}), "and not 200 with JSON"),
        (Answer({}, headers={"Content-Length": "100"}), "can't be read"),
    ],
    ids=range(10),
)
def test_an_answer_that_is_none(outside: Outside, answer: Answer, why: str) -> None:
    outside.answers["/elsewhere"] = answer
    began = time.monotonic()
    with pytest.raises(NoGoodAnswerError, match=why):
        READER.read_keys(outside.issuer, f"http://127.0.0.1:{outside.server_port}/elsewhere")
    assert time.monotonic() - began < 5
    assert "/keys" not in outside.asked


def test_one_that_drips_is_given_up(outside: Outside) -> None:
    outside.answers["/slow"] = Answer(b" " * 1000, pause_seconds=0.1)
    began = time.monotonic()
    with pytest.raises(NoGoodAnswerError, match="in time"):
        READER.read_keys(outside.issuer, f"http://127.0.0.1:{outside.server_port}/slow")
    assert time.monotonic() - began < 3


def test_nobody_is_there() -> None:
    with pytest.raises(NoGoodAnswerError, match="can't be read: ConnectError"):
        READER.read_keys("http://127.0.0.1:1", None)
    with pytest.raises(NoGoodAnswerError, match="no address"):
        READER.read_keys("https://nobody.invalid", None)


def test_plain_http_stays_on_this_machine() -> None:
    reader = IssuerReader(AddressChecker(AddressPolicy.parse("192.0.2.0/24", ""), Bulkhead(1, 1)), seconds=1)
    with pytest.raises(NoGoodAnswerError, match="over https"):
        reader.read_keys("http://192.0.2.1", None)


def test_a_certificate_must_be_trusted_and_of_the_name(
    outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = IssuerReader(AddressChecker(AddressPolicy.parse("127.0.0.0/8,::1/128", ""), Bulkhead(1, 1)), seconds=2)
    certificate = make_certificate(tmp_path, host="localhost", address="127.0.0.9")
    outside.socket = server_context(certificate).wrap_socket(outside.socket, server_side=True)
    with pytest.raises(NoGoodAnswerError, match="can't be read"):
        reader.read_keys(outside.issuer, f"https://localhost:{outside.server_port}/keys")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
    assert reader.read_keys(outside.issuer, f"https://localhost:{outside.server_port}/keys")
    with pytest.raises(NoGoodAnswerError, match="can't be read"):
        reader.read_keys(outside.issuer, f"https://127.0.0.1:{outside.server_port}/keys")
    assert outside.asked == ["/keys"]
