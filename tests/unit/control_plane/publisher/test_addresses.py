import pytest

from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.problems import InvalidError
from services.control_plane.publisher.addresses import AddressChecker, AddressForbiddenError, urls_in_patch
from shared.addresses import AddressPolicy

BULKHEAD = Bulkhead(1, 0)
CHECKER = AddressChecker(AddressPolicy(), BULKHEAD)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "017700000001",
        "169.254.169.254",
        "10.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_no_spelling_of_a_forbidden_address_gets_by(host: str) -> None:
    with pytest.raises(AddressForbiddenError):
        CHECKER.resolve(f"ws://{host}:80/")
    with pytest.raises(InvalidError) as caught:
        CHECKER.check([("endpoints.production.urls.0", f"ws://{host}:80/")])
    assert caught.value.members["errors"][0]["field"] == "endpoints.production.urls.0"


def test_a_public_address_and_an_allowed_one_are_let_pass() -> None:
    CHECKER.check([("urls.0", "ws://1.1.1.1/")])
    AddressChecker(AddressPolicy.parse("127.0.0.0/8", ""), BULKHEAD).check([("urls.0", "ws://127.0.0.1/")])


def test_the_scheme_gives_the_port() -> None:
    assert CHECKER.resolve("ws://1.1.1.1").port == CHECKER.resolve("http://1.1.1.1").port == 80
    assert CHECKER.resolve("https://1.1.1.1").port == 443
    assert CHECKER.resolve("wss://1.1.1.1").port == 443
    assert CHECKER.resolve("wss://1.1.1.1:8443").port == 8443


def test_a_patch_of_any_shape_is_searched() -> None:
    patch = {"endpoints": {"production": {"urls": ["ws://a", 1]}, "sandbox": None, "other": {"urls": "ws://b"}}}
    assert urls_in_patch(patch) == [("endpoints.production.urls.0", "ws://a")]
    assert urls_in_patch({"endpoints": [1]}) == []
