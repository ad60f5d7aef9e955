"""What a transaction leaves for the pods."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import col, select

from services.control_plane.catalogue import outbox
from services.control_plane.catalogue.models import OutboxEntry
from services.control_plane.kit.clock import system_clock
from shared.catalogue import digest_objects
from shared.limits import Policy
from tests.integration.control_plane.catalogue.conftest import Catalogue, policy_of


def entries(catalogue: Catalogue) -> list[tuple[int, str, bool]]:
    with catalogue.database.reading() as session:
        rows = session.exec(select(OutboxEntry).order_by(col(OutboxEntry.revision))).all()
        return [(row.revision, row.id, row.body is not None) for row in rows]


def test_each_change_is_a_revision(catalogue: Catalogue) -> None:
    catalogue.record("a", "b")
    catalogue.record("a", amount=2)
    catalogue.record("b", amount=None)
    assert entries(catalogue) == [(1, "a", True), (2, "b", True), (3, "a", True), (4, "b", False)]
    body = policy_of("a", 2).model_dump_json()
    assert catalogue.ours().digest == digest_objects([("policy", "a", body)])


def test_what_did_not_change_is_no_revision(catalogue: Catalogue) -> None:
    catalogue.record("a")
    catalogue.record("a")
    catalogue.record("never", amount=None)
    assert entries(catalogue) == [(1, "a", True)]


def test_the_last_word_of_a_transaction_counts(catalogue: Catalogue) -> None:
    with catalogue.database.writing() as session:
        for amount in (1, 2, 3):
            outbox.record(session, "policy", "a", policy_of("a", amount), system_clock())
        outbox.record(session, "policy", "b", policy_of("b", 1), system_clock())
        outbox.record(session, "policy", "b", None, system_clock())
    assert entries(catalogue) == [(1, "a", True)]


def test_a_transaction_that_does_not_commit_leaves_nothing(catalogue: Catalogue) -> None:
    before = catalogue.ours()
    with catalogue.database.session(writes=True) as session:
        outbox.record(session, "policy", "a", policy_of("a", 1), system_clock())
        session.flush()
    assert catalogue.ours() == before
    assert entries(catalogue) == []


def test_writers_at_the_same_time_take_turns(catalogue: Catalogue) -> None:
    def write(worker: int) -> None:
        for number in range(5):
            catalogue.record(f"{worker}-{number}", f"{worker}-{number}-more")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert [revision for revision, _, _ in entries(catalogue)] == list(range(1, 41))
    catalogue.pusher.turn()
    catalogue.assert_equal()


def test_a_kind_has_its_contract(catalogue: Catalogue) -> None:
    wrong: Policy = policy_of("a", 1)
    with pytest.raises(TypeError, match="ApiDefinition"), catalogue.database.writing() as session:
        outbox.record(session, "api", "a", wrong, system_clock())
