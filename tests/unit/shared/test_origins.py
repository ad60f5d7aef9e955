import pytest

from shared.origins import is_allowed, is_listed


@pytest.mark.parametrize(
    ("origin", "allowed", "expected"),
    [
        (None, ("https://a.test",), True),
        ("https://evil.test", (), True),
        ("https://a.test", ("https://a.test",), True),
        ("https://a.test:443", ("https://a.test",), True),
        ("https://A.test", ("https://a.test",), True),
        ("http://a.test", ("https://a.test",), False),
        ("https://a.test:8443", ("https://a.test",), False),
        ("https://a.test.evil.test", ("https://a.test",), False),
        ("https://x.a.test", ("https://*.a.test",), True),
        ("https://x.y.a.test", ("https://*.a.test",), False),
        ("https://a.test", ("https://*.a.test",), False),
        ("null", ("https://a.test",), False),
        ("https://anything.test", ("*",), True),
        ("https://[bad", ("https://a.test",), False),
        ("https://a.test:port", ("https://a.test",), False),
    ],
)
def test_scheme_host_and_port_are_compared(origin: str | None, allowed: tuple[str, ...], expected: bool) -> None:
    assert is_allowed(origin, allowed) is expected


def test_what_no_list_names_is_not_listed() -> None:
    assert not is_listed("https://a.test", ())
    assert is_listed("https://a.test", ["https://b.test", "https://a.test"])
