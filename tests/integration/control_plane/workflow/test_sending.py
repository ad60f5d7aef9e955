"""Events on their way: signed, at least once, in order, and nowhere but where they may go."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlmodel import select

from services.control_plane.kit import audit
from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.database import Database
from services.control_plane.kit.security import Sealer, new_id
from services.control_plane.publisher.addresses import AddressChecker
from services.control_plane.workflow import webhook_repository
from services.control_plane.workflow.models import Webhook, WebhookDelivery
from services.control_plane.workflow.posting import Poster
from services.control_plane.workflow.queue import KEPT_FOR, EventQueue
from services.control_plane.workflow.sending import FIRST_WAIT, GIVEN_UP_AFTER, LEASE, LONGEST_WAIT, Sender
from services.control_plane.workflow.signatures import new_secret
from shared.addresses import AddressPolicy
from tests.integration.control_plane.platform import BentClock
from tests.support.receiver import HANGS, Receiver, receiving


class World:
    """A database in which things happen, and processes that send."""

    def __init__(self, url: str, receiver: Receiver) -> None:
        self.url = url
        self.clock = BentClock()
        self.receiver = receiver
        self.sealer = Sealer("a key of the tests, of 32 characters or more")
        self.secret = new_secret()
        self.database = Database(url)
        self.queue = EventQueue(self.clock)
        self.database.before_commit(self.queue.fill)

    def hook(self, url: str = "", **fields: Any) -> str:
        id_, now = new_id(), self.clock()
        fields |= dict.fromkeys(("due_at", "claimed_until", "created_at", "updated_at"), now)
        sealed = self.sealer.seal(self.secret)
        with self.database.writing() as session:
            session.add(Webhook(id=id_, url=url or self.receiver.url, sealed_secret=sealed, **fields))
        return id_

    def happen(self, *actions: str) -> None:
        """Have things done, each in a transaction of its own."""
        for action in actions:
            with self.database.writing() as session:
                audit.begin(session, audit.AuditContext("somebody", "", self.clock))
                audit.record(session, action, "api", "an api", name="Echo")

    def change(self, webhook_id: str, url: str) -> None:
        """Have a webhook sent elsewhere, at once."""
        with self.database.writing() as session:
            webhook = session.get_one(Webhook, webhook_id)
            webhook.url, webhook.due_at = url, self.clock()

    def sender(self, allow: str = "127.0.0.0/8", seconds: float = 5.0) -> Sender:
        addresses = AddressChecker(AddressPolicy.parse(allow, ""), Bulkhead(4, 1.0))
        return Sender(self.database, self.sealer, Poster(addresses, seconds), self.clock, Random(1))  # noqa: S311 - jitter

    def deliveries(self) -> list[WebhookDelivery]:
        with self.database.reading() as session:
            return list(session.exec(select(WebhookDelivery).order_by(WebhookDelivery.audit_id)).all())  # type: ignore[arg-type] # a column

    def states(self) -> list[str]:
        return [delivery.state for delivery in self.deliveries()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def world(migrated_url: str, receiver: Receiver) -> Iterator[World]:
    world = World(migrated_url, receiver)
    yield world
    world.database.close()


def test_an_event_is_told_and_signed(world: World, receiver: Receiver) -> None:
    world.hook()
    world.happen("api.publish")
    world.sender().send()
    (sent,) = receiver.sent
    assert sent.is_signed_with(world.secret)
    assert not sent.is_signed_with(new_secret())
    assert sent.headers["content-type"] == "application/json"
    (delivery,) = world.deliveries()
    assert (delivery.id, delivery.state, delivery.status) == (sent.headers["webhook-id"], "DELIVERED", 200)
    assert sent.event["type"] == "api.publish"
    assert sent.event["data"] == {"kind": "api", "id": "an api", "actor": "somebody", "details": {"name": "Echo"}}
    world.sender().send()
    assert len(receiver.sent) == 1


def test_only_what_is_wanted_is_told(world: World, receiver: Receiver) -> None:
    world.hook(events=["subscription.*", "api.retire"])
    world.hook(active=False)
    world.happen("api.publish", "sign_in", "api.retire", "key.token", "subscription.create")
    world.sender().send()
    assert receiver.types == ["api.retire", "subscription.create"]
    assert len(world.deliveries()) == 2


def test_what_is_undone_is_not_told(world: World) -> None:
    world.hook()
    with world.database.session(writes=True) as session:
        audit.begin(session, audit.AuditContext("somebody", "", world.clock))
        with session.begin_nested() as savepoint:
            audit.record(session, "api.update", "api", "undone")
            savepoint.rollback()
        with session.begin_nested():
            audit.record(session, "api.update", "api", "done")
        session.commit()
        audit.record(session, "api.delete", "api", "rolled back")
        session.rollback()
    (delivery,) = world.deliveries()
    assert delivery.event == "api.update"


def test_what_fails_is_tried_again_later_and_the_order_is_kept(world: World, receiver: Receiver) -> None:
    world.hook()
    world.happen("api.create", "api.publish", "api.deprecate")
    receiver.answers.extend([200, 500, 500])
    sender = world.sender()
    sender.send()
    sender.send()
    assert receiver.types == ["api.create", "api.publish"]
    assert world.states() == ["DELIVERED", "PENDING", "PENDING"]
    world.clock.move(seconds=FIRST_WAIT.total_seconds())
    sender.send()
    world.clock.move(seconds=FIRST_WAIT.total_seconds())  # twice as long now, less chance
    sender.send()
    world.clock.move(seconds=FIRST_WAIT.total_seconds())
    sender.send()
    assert receiver.types == ["api.create", "api.publish", "api.publish", "api.publish", "api.deprecate"]
    ids = [sent.headers["webhook-id"] for sent in receiver.sent]
    assert ids[1] == ids[2] == ids[3]
    assert [delivery.attempts for delivery in world.deliveries()] == [1, 3, 1]
    assert all(sent.is_signed_with(world.secret) for sent in receiver.sent)


def test_a_change_counts_from_the_next_event_on(world: World, receiver: Receiver) -> None:
    webhook = world.hook()
    with receiving() as other:
        receiver.meanwhile = lambda: world.change(webhook, other.url)
        world.happen("api.create", "api.publish")
        world.sender().send()
        assert (receiver.types, other.types) == (["api.create"], ["api.publish"])


def test_a_failure_under_way_makes_no_change_wait(world: World, receiver: Receiver) -> None:
    webhook = world.hook()
    with receiving() as other:
        receiver.answers.append(500)
        receiver.meanwhile = lambda: world.change(webhook, other.url)
        world.happen("api.create")
        world.sender().send()
        assert other.types == []
        world.sender().send()
        assert other.types == ["api.create"]


def test_one_that_hangs_is_left_and_holds_up_no_other(world: World, receiver: Receiver) -> None:
    slow = world.hook()
    with receiving() as other:
        world.hook(other.url)
        receiver.answers.append(HANGS)
        world.happen("api.create", "api.publish")
        sender = world.sender(seconds=0.2)
        sender.send()
        assert other.types == ["api.create", "api.publish"]
    (waiting, _) = [delivery for delivery in world.deliveries() if delivery.webhook_id == slow]
    assert (waiting.state, waiting.status, waiting.error) == ("PENDING", None, "there was no answer in time")
    world.clock.move(seconds=FIRST_WAIT.total_seconds())
    sender.send()
    assert receiver.types == ["api.create", "api.create", "api.publish"]


def test_a_crash_after_the_commit_loses_nothing(world: World, receiver: Receiver) -> None:
    webhook = world.hook()
    world.happen("api.create")
    now = world.clock()
    with world.database.writing() as session:  # another process took it, and was killed
        assert webhook_repository.claim(session, webhook, now, now + LEASE)
    world.happen("api.publish")
    restarted = world.sender()
    restarted.send()
    assert receiver.sent == []
    world.clock.move(seconds=LEASE.total_seconds())
    restarted.send()
    assert receiver.types == ["api.create", "api.publish"]


def test_of_several_processes_one_sends_to_each(world: World, receiver: Receiver) -> None:
    world.hook()
    actions = [f"api.step_{chr(97 + number)}" for number in range(12)]
    world.happen(*actions)
    threads = [threading.Thread(target=world.sender().send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.sender().send()
    assert receiver.types == actions


def test_after_a_day_it_is_given_up_and_can_be_seen(world: World, receiver: Receiver) -> None:
    world.hook()
    world.happen("api.create", "api.publish")
    receiver.answers.extend([503] * 100)
    sender = world.sender()
    sender.send()
    world.clock.move(seconds=GIVEN_UP_AFTER.total_seconds())
    world.happen("api.block")
    sender.send()
    assert world.states() == ["DEAD", "DEAD", "PENDING"]
    assert world.deliveries()[0].error == "it answered 503"
    receiver.answers.clear()
    world.clock.move(seconds=LONGEST_WAIT.total_seconds())
    sender.send()
    assert receiver.types[-1] == "api.block"
    world.clock.move(seconds=KEPT_FOR.total_seconds())
    with world.database.writing() as session:
        assert not world.queue.sweep(session)
    assert world.deliveries() == []


def test_the_waits_grow_to_a_bound_and_differ(world: World) -> None:
    sender = world.sender()
    waits = [[sender._wait(failures) for _ in range(20)] for failures in (1, 2, 3, 30, 10_000)]
    for wanted, found in zip((1, 2, 4), waits, strict=False):
        assert FIRST_WAIT * wanted / 2 <= min(found) <= max(found) <= FIRST_WAIT * wanted
        assert len(set(found)) > 1
    assert all(timedelta(0) < wait <= LONGEST_WAIT for found in waits for wait in found)


def test_redirects_are_not_followed_and_bodies_not_read(world: World, receiver: Receiver) -> None:
    world.hook()
    world.happen("api.create")
    receiver.answers.append(302)
    receiver.body = b"x" * 10_000_000
    sender = world.sender()
    sender.send()
    assert [sent.path for sent in receiver.sent] == ["/hook"]
    (delivery,) = world.deliveries()
    assert (delivery.state, delivery.error) == ("PENDING", "it answered 302")
    world.clock.move(seconds=FIRST_WAIT.total_seconds())
    sender.send()
    assert world.states() == ["DELIVERED"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:{port}/hook", "leads to an address that is not allowed"),
        ("https://169.254.169.254/latest", "leads to an address that is not allowed"),
        ("http://1.1.1.1/hook", "must be https"),
    ],
)
def test_an_address_is_checked_when_it_is_dialled(world: World, receiver: Receiver, url: str, said: str) -> None:
    world.hook(url.format(port=receiver.server_port))
    world.happen("api.create")
    world.sender(allow="").send()
    (delivery,) = world.deliveries()
    assert (delivery.state, receiver.sent) == ("PENDING", [])
    assert (delivery.error or "").startswith(said)


def test_a_secret_that_can_not_be_read_is_said_so(world: World, receiver: Receiver) -> None:
    world.hook()
    world.sealer = Sealer("another key of the tests, of 32 characters or more")
    world.happen("api.create")
    world.sender().send()
    (delivery,) = world.deliveries()
    assert (delivery.state, receiver.sent) == ("PENDING", [])
    assert "FRAMEGATE_SECRET_KEY" in (delivery.error or "")
