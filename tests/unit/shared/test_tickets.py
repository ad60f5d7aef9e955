from shared.tickets import digest_ticket


def test_a_digest_tells_nothing_of_its_ticket() -> None:
    assert digest_ticket("secret") == digest_ticket("secret")
    assert "secret" not in digest_ticket("secret")
