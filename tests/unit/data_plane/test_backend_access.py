from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from services.data_plane.backend_access import AccessBook
from services.data_plane.refusal import RefusedError
from shared.definition import ApiDefinition, BackendCredentials
from tests.support.certificate import make_certificate

KEY = Fernet.generate_key().decode()


def api(**fields: str) -> ApiDefinition:
    known = {"id": "1", "name": "Echo", "context": "/echo", "version": "1.0", "state": "PUBLISHED", "endpoints": {}}
    return ApiDefinition.model_validate(known | fields)


def seal(text: str, key: str = KEY) -> str:
    return Fernet(key).encrypt(text.encode()).decode()


def test_apis_that_say_nothing_share_what_the_system_trusts() -> None:
    book = AccessBook(lambda: None)
    assert book.of(api()).tls is book.of(api()).tls
    assert book.of(api()).headers == ()


def test_an_own_authority_is_the_only_one_and_names_are_verified(tmp_path: Path) -> None:
    tls = AccessBook(lambda: None).of(api(ca_certificate=make_certificate(tmp_path).cert.read_text())).tls
    assert tls.cert_store_stats()["x509"] == 1
    assert tls.check_hostname


def test_secrets_are_opened_once_and_not_shown() -> None:
    sealed = seal(BackendCredentials(header="Authorization", value="Basic YTpi").model_dump_json())
    asked: list[str] = []

    def find_key() -> str:
        asked.append(KEY)
        return KEY

    book, mine = AccessBook(find_key), api(sealed_backend_credentials=sealed)
    assert book.of(mine).headers == (("Authorization", "Basic YTpi"),)
    assert book.of(mine) is book.of(mine)
    assert asked == [KEY]
    assert "YTpi" not in repr(book.of(mine))
    assert sealed not in repr(mine)


@pytest.mark.parametrize("key", [None, "no key", Fernet.generate_key().decode()], ids=["none", "not a key", "another"])
def test_without_the_right_key_nothing_is_dialled(key: str | None) -> None:
    keys = [key]
    book, mine = AccessBook(lambda: keys[-1]), api(sealed_backend_credentials=seal('{"header":"X","value":"y"}'))
    with pytest.raises(RefusedError) as refused:
        book.of(mine)
    assert refused.value.problem.slug == "not_ready"
    keys.append(KEY)
    assert book.of(mine).headers == (("X", "y"),)
