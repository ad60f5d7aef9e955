"""From SQL to Redis, whatever happens to either."""

import random
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlmodel import col, select

from services.control_plane.catalogue.mirror import Mirror, Snapshot
from services.control_plane.catalogue.models import CatalogueObject, CatalogueState, OutboxEntry
from services.control_plane.catalogue.pusher import Pusher
from services.control_plane.kit.audit import AuditEntry
from services.control_plane.kit.clock import system_clock
from services.control_plane.kit.redis_client import connect
from shared import keys
from shared.catalogue import KINDS, KINDS_FIELD, NO_DIGEST, Change, Mark
from tests.integration.control_plane.catalogue.conftest import Catalogue, make_pusher, policy_of, running
from tests.support.redis import on_each_redis
from tests.support.waiting import wait_until

pytestmark = on_each_redis


def test_an_empty_catalogue_is_a_catalogue(catalogue: Catalogue) -> None:
    catalogue.pusher.turn()
    assert catalogue.theirs() == catalogue.ours()
    assert catalogue.theirs() == Mark(catalogue.ours().epoch, 0, NO_DIGEST)


def test_revisions_go_out_in_order(catalogue: Catalogue) -> None:
    catalogue.pusher.turn()
    for name in "abc":
        catalogue.record(name)
    catalogue.record("b", amount=None)
    catalogue.pusher.turn()
    stream = catalogue.stream()
    assert [(change.revision, change.id, change.body is None) for change in stream] == [
        (1, "a", False),
        (2, "b", False),
        (3, "c", False),
        (4, "b", True),
    ]
    assert catalogue.objects().keys() == {"a", "c"}
    assert catalogue.unsent() == 0
    catalogue.assert_equal()


def test_a_change_that_is_sent_again_changes_nothing(catalogue: Catalogue) -> None:
    catalogue.record("a")
    catalogue.record("a", amount=2)
    catalogue.pusher.turn()
    with catalogue.database.writing() as session:  # as if we had died between Redis and SQL
        session.execute(update(OutboxEntry).values(sent_at=None))
    catalogue.pusher.turn()
    assert [change.revision for change in catalogue.stream()] == [1, 2]
    assert catalogue.unsent() == 0
    catalogue.assert_equal()


def test_the_script_takes_each_revision_once_and_in_order(catalogue: Catalogue) -> None:
    catalogue.pusher.turn()
    mirror, epoch = Mirror(catalogue.redis, "key"), catalogue.ours().epoch

    def push(revision: int, of: str = epoch) -> str:
        (outcome,) = mirror.push(of, "", [(Change(revision, "policy", "a", f'{{"r":{revision}}}'), "d")])
        return outcome

    assert push(2) == "gap"
    assert push(1, "another epoch") == "gap"
    assert catalogue.objects() == {}
    assert push(1) == "ok"
    assert push(1) == "old"
    assert push(2) == "ok"
    assert push(1) == "old"
    assert catalogue.objects() == {"a": '{"r":2}'}
    assert len(catalogue.stream()) == 2


def flush(catalogue: Catalogue) -> None:
    catalogue.redis.flushall()


def lose_state(catalogue: Catalogue) -> None:
    catalogue.redis.delete(keys.CATALOGUE_STATE)


def halve_state(catalogue: Catalogue) -> None:
    catalogue.redis.hdel(keys.CATALOGUE_STATE, "digest")


def go_back(catalogue: Catalogue) -> None:
    """Leave Redis as an old backup would."""
    catalogue.redis.hset(keys.CATALOGUE_STATE, mapping={"revision": 1, "digest": NO_DIGEST})
    catalogue.redis.delete(keys.catalogue_objects("policy"))


def belong_to_another(catalogue: Catalogue) -> None:
    catalogue.redis.hset(keys.CATALOGUE_STATE, mapping={"epoch": "another", "revision": 99})
    catalogue.redis.hset(keys.catalogue_objects("api"), "stranger", "{}")


def be_of_an_older_version(catalogue: Catalogue) -> None:
    """Leave Redis as a version would that knows fewer kinds: its digest is ours, for the others have no objects."""
    catalogue.redis.hset(keys.CATALOGUE_STATE, KINDS_FIELD, "api,policy")


HARMS = [flush, lose_state, halve_state, go_back, belong_to_another, be_of_an_older_version]


@pytest.mark.parametrize("harm", HARMS)
def test_reconciling_repairs_what_redis_lost(catalogue: Catalogue, harm: Callable[[Catalogue], None]) -> None:
    catalogue.record("a", "b", "c")
    catalogue.pusher.turn()
    epoch = catalogue.ours().epoch
    harm(catalogue)
    catalogue.pusher.reconcile()
    catalogue.assert_equal()
    assert catalogue.redis.hget(keys.CATALOGUE_STATE, KINDS_FIELD) == ",".join(sorted(KINDS))
    assert catalogue.ours().epoch == epoch
    assert [change.revision for change in catalogue.stream()] == [1, 2, 3]
    catalogue.record("d")
    catalogue.pusher.turn()
    assert catalogue.stream()[-1].revision == 4
    catalogue.assert_equal()


def test_what_a_newer_version_wrote_is_left_alone(catalogue: Catalogue) -> None:
    """Else two versions on one database would undo each other's work again and again."""
    catalogue.record("a")
    catalogue.pusher.turn()
    catalogue.redis.hset(keys.CATALOGUE_STATE, KINDS_FIELD, ",".join([*KINDS, "novelty"]))
    catalogue.pusher.reconcile()
    assert "novelty" in str(catalogue.redis.hget(keys.CATALOGUE_STATE, KINDS_FIELD))


def test_kinds_that_only_a_newer_version_knows_are_named_while_they_have_objects(catalogue: Catalogue) -> None:
    mirror, mark = Mirror(catalogue.redis, "key"), catalogue.ours()
    objects = keys.catalogue_objects("novelty")
    assert mirror.replace(Snapshot(mark, [("novelty", "a", "{}")], []), None)
    assert "novelty" in str(catalogue.redis.hget(keys.CATALOGUE_STATE, KINDS_FIELD)).split(",")
    assert catalogue.redis.hgetall(objects) == {"a": "{}"}
    assert mirror.replace(Snapshot(mark, [], []), mark)
    assert "novelty" not in str(catalogue.redis.hget(keys.CATALOGUE_STATE, KINDS_FIELD)).split(",")
    assert not catalogue.redis.exists(objects)


@pytest.mark.parametrize("harm", [flush, lose_state, belong_to_another])
def test_a_push_that_finds_a_gap_repairs_at_once(catalogue: Catalogue, harm: Callable[[Catalogue], None]) -> None:
    catalogue.record("a")
    catalogue.pusher.turn()
    harm(catalogue)
    catalogue.record("b")
    catalogue.pusher.turn()
    catalogue.assert_equal()
    assert catalogue.unsent() == 0


def test_a_database_from_a_backup_begins_an_epoch(catalogue: Catalogue) -> None:
    catalogue.record("a")
    backup = catalogue.ours()
    catalogue.record("b", "c")
    catalogue.pusher.turn()
    restore(catalogue, backup)
    catalogue.pusher.reconcile()
    catalogue.assert_equal()
    assert catalogue.ours().epoch != backup.epoch
    assert catalogue.ours().revision > 3  # none is used twice
    assert catalogue.objects().keys() == {"a"}
    assert catalogue.pusher.status().epochs == 1
    with catalogue.database.reading() as session:
        (entry,) = session.exec(select(AuditEntry)).all()
    assert (entry.actor, entry.action, entry.target_id) == ("system", "catalogue.begin_epoch", catalogue.ours().epoch)


def restore(catalogue: Catalogue, backup: Mark) -> None:
    """Leave the database as it was when it held one object, "a"."""
    with catalogue.database.writing() as session:
        session.execute(update(CatalogueState).values(revision=backup.revision, digest=backup.digest))
        session.execute(delete(CatalogueObject).where(col(CatalogueObject.id) != "a"))
        session.execute(delete(OutboxEntry).where(col(OutboxEntry.revision) > 1))


def bear_witness(catalogue: Catalogue, epoch: str, revision: float) -> None:
    """Say what a pod has, as it does."""
    catalogue.redis.zadd(keys.CATALOGUE_WITNESSES, {epoch: revision}, gt=True)


@pytest.mark.parametrize("harm", [flush, go_back])
def test_a_database_that_went_back_with_redis_begins_an_epoch_by_a_witness(
    catalogue: Catalogue, harm: Callable[[Catalogue], None]
) -> None:
    catalogue.record("a")
    backup = catalogue.ours()
    catalogue.record("b", "c")
    catalogue.pusher.turn()
    restore(catalogue, backup)
    harm(catalogue)
    bear_witness(catalogue, backup.epoch, 3)
    catalogue.pusher.reconcile()
    catalogue.assert_equal()
    assert catalogue.ours().epoch != backup.epoch
    assert catalogue.ours().revision == 4
    assert catalogue.objects().keys() == {"a"}
    catalogue.pusher.reconcile()
    assert catalogue.ours().revision == 4, "what is said of an epoch that is over means nothing"
    assert catalogue.pusher.status().epochs == 1


def test_an_old_redis_alone_is_filled_again_in_its_epoch(catalogue: Catalogue) -> None:
    catalogue.record("a", "b", "c")
    catalogue.pusher.turn()
    before = catalogue.ours()
    go_back(catalogue)
    bear_witness(catalogue, before.epoch, 3)
    catalogue.pusher.reconcile()
    assert catalogue.ours() == before
    catalogue.assert_equal()


@pytest.mark.parametrize("said", [1e12, 2.0**60, float("inf"), float("-inf"), -1])
def test_a_witness_that_no_backup_explains_is_not_believed(catalogue: Catalogue, said: float) -> None:
    catalogue.record("a")
    catalogue.pusher.turn()
    before = catalogue.ours()
    bear_witness(catalogue, before.epoch, said)
    catalogue.pusher.reconcile()
    assert catalogue.ours() == before


def test_what_is_published_while_reconciling_is_no_restore(catalogue: Catalogue) -> None:
    """A pod may have a revision, and say so, before this process has read SQL."""
    other = make_pusher(catalogue.database, catalogue.redis)

    class Late(Mirror):
        def read_witnesses(self) -> Mapping[str, int]:
            catalogue.record("late")
            other.turn()
            bear_witness(catalogue, catalogue.ours().epoch, catalogue.ours().revision)
            return super().read_witnesses()

    catalogue.record("a")
    other.turn()
    before = catalogue.ours()
    Pusher(catalogue.database, Late(catalogue.redis, "key"), system_clock, random.SystemRandom()).reconcile()
    assert catalogue.ours().epoch == before.epoch
    assert catalogue.ours().revision == before.revision + 1
    catalogue.assert_equal()


@pytest.mark.parametrize("names", ["x", "xy", "xyz"], ids=len)
def test_a_restored_database_that_publishes_at_once_does_not_mix_with_what_redis_has(
    catalogue: Catalogue, names: str
) -> None:
    """Its revisions are fewer than, as many as, or one more than those in Redis."""
    catalogue.record("a")
    backup = catalogue.ours()
    catalogue.record("b", "c")
    catalogue.pusher.turn()
    restore(catalogue, backup)
    catalogue.record(*names)
    catalogue.pusher.turn()
    catalogue.pusher.reconcile()
    catalogue.assert_equal()
    assert catalogue.objects().keys() == {"a", *names}


def test_an_old_snapshot_never_replaces_a_newer_state(catalogue: Catalogue) -> None:
    catalogue.record("a")
    catalogue.pusher.turn()
    stale = catalogue.theirs()
    catalogue.record("b")
    catalogue.pusher.turn()
    mirror = Mirror(catalogue.redis, "key")
    assert not mirror.replace(Snapshot(catalogue.ours(), [], []), stale)
    catalogue.assert_equal()


def test_pushers_of_several_processes_do_not_disturb_each_other(catalogue: Catalogue) -> None:
    pushers = [make_pusher(catalogue.database, catalogue.redis) for _ in range(3)]
    with running(*pushers):
        for number in range(30):
            catalogue.record(f"p{number % 7}", amount=number + 1)
        assert all(pusher.flush(10) for pusher in pushers)
    catalogue.assert_equal()
    assert [change.revision for change in catalogue.stream()] == list(range(1, 31))


def test_a_commit_wakes_the_pusher(catalogue: Catalogue) -> None:
    with running(catalogue.pusher):
        assert catalogue.pusher.flush(5)
        catalogue.record("a")
        wait_until(lambda: catalogue.theirs() == catalogue.ours(), within=5)


def test_a_redis_that_is_away_is_waited_for(catalogue: Catalogue) -> None:
    pusher = make_pusher(catalogue.database, connect("redis://127.0.0.1:1"))
    with running(pusher):
        wait_until(lambda: pusher.status().failures >= 2, within=10)
        catalogue.record("a")
        assert not pusher.flush(0.1)
    assert catalogue.unsent() == 1
    catalogue.pusher.turn()
    catalogue.assert_equal()


def test_what_was_sent_long_ago_is_forgotten(catalogue: Catalogue) -> None:
    catalogue.record("a", "c")
    catalogue.pusher.turn()
    catalogue.record("b")
    with catalogue.database.writing() as session:
        old = update(OutboxEntry).where(col(OutboxEntry.sent_at).is_not(None))
        session.execute(old.values(sent_at=system_clock() - timedelta(hours=2)))
    catalogue.pusher.reconcile()
    with catalogue.database.reading() as session:
        assert {row.revision for row in session.exec(select(OutboxEntry)).all()} == {2, 3}, "the last has a digest"
    catalogue.pusher.turn()
    catalogue.assert_equal()
    assert policy_of("b", 1).model_dump_json() == catalogue.objects()["b"]
