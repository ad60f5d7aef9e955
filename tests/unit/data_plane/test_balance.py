import random
from contextlib import ExitStack

import pytest

from services.data_plane.balance import LONGEST_REST_SECONDS, Balancer, Health
from services.data_plane.refusal import BackendFailedError, RefusedError, UnreachableError
from shared.definition import Balance, Endpoint

URLS = ("ws://a", "ws://b", "ws://c")


class Longest(random.Random):
    """Draws the longest of what may be drawn, and the first."""

    def uniform(self, a: float, b: float) -> float:
        del a
        return b

    def randrange(self, *_: int) -> int:  # type: ignore[override] # fewer forms than the original has
        return 0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def balancer(clock: Clock) -> Balancer:
    return Balancer(clock, Longest())


def endpoint(balance: Balance = "round_robin", urls: tuple[str, ...] = URLS) -> Endpoint:
    return Endpoint(urls=urls, balance=balance)


def fail(health: Health, *, elsewhere: bool = True) -> None:
    with pytest.raises(BackendFailedError), health.dial():
        raise BackendFailedError("upstream_unreachable", elsewhere=elsewhere)


def fail_to_reach(health: Health) -> None:
    with pytest.raises(UnreachableError), health.dial():
        raise UnreachableError("upstream_unreachable")


def probe(health: Health, *, reached: bool, seconds: float = 10) -> None:
    health.learn(reached=reached, trusted_seconds=seconds)


def order(balancer: Balancer, of: Endpoint) -> list[str]:
    return [url[-1] for url, _ in balancer.order(of)]


def health_of(balancer: Balancer, of: Endpoint, wanted: str) -> Health:
    return next(health for url, health in balancer.order(of) if url == wanted)


def test_every_endpoint_has_a_turn_of_its_own(balancer: Balancer) -> None:
    one, other = endpoint(), endpoint()
    firsts = [(order(balancer, one)[0], order(balancer, other)[0]) for _ in range(4)]
    assert firsts == [("a", "a"), ("b", "b"), ("c", "c"), ("a", "a")]


def test_processes_begin_anywhere() -> None:
    firsts = {order(Balancer(), endpoint())[0] for _ in range(100)}
    assert firsts == {"a", "b", "c"}


def test_failover_keeps_to_the_first(balancer: Balancer) -> None:
    of = endpoint("failover")
    assert [order(balancer, of) for _ in range(2)] == [["a", "b", "c"]] * 2


def test_least_connections_counts_and_takes_turns_among_equals(balancer: Balancer) -> None:
    of = endpoint("least_connections")
    assert [order(balancer, of)[0] for _ in range(3)] == ["a", "b", "c"]
    for url in ("ws://a", "ws://a", "ws://b"):
        balancer.take(url)
    assert order(balancer, of) == ["c", "b", "a"]
    balancer.release("ws://b")
    balancer.release("ws://a")
    balancer.release("ws://a")
    assert order(balancer, of)[0] == "b"


def test_a_url_that_failed_comes_last_until_it_has_rested(balancer: Balancer, clock: Clock) -> None:
    of = endpoint("failover")
    fail(health_of(balancer, of, "ws://a"))
    assert order(balancer, of) == ["b", "c", "a"]
    clock.now += 1
    assert order(balancer, of) == ["a", "b", "c"]


def test_when_all_rest_all_are_tried(balancer: Balancer) -> None:
    of = endpoint("failover")
    for url in URLS:
        fail(health_of(balancer, of, url))
    assert order(balancer, of) == ["a", "b", "c"]


def test_what_one_endpoint_finds_does_not_touch_another(balancer: Balancer) -> None:
    one, other = endpoint("failover"), endpoint("failover")
    fail(health_of(balancer, one, "ws://a"))
    assert order(balancer, other) == ["a", "b", "c"]


def test_rests_double_up_to_the_longest(clock: Clock) -> None:
    health, rests = Health(clock, Longest()), []
    for _ in range(7):
        fail(health)
        began = clock.now
        while not health.is_well:
            clock.now += 0.5
        rests.append(clock.now - began)
    assert rests == [1, 2, 4, 8, 16, LONGEST_REST_SECONDS, LONGEST_REST_SECONDS]


def test_a_url_that_has_rested_is_tried_by_one_dial_at_a_time(clock: Clock) -> None:
    health = Health(clock, Longest())
    fail(health)
    clock.now += 1
    with health.dial():
        assert not health.is_well
    assert health.is_well
    with health.dial():
        assert health.is_well  # it answered: all may come


def test_dials_that_fail_together_are_one_failure(clock: Clock) -> None:
    health = Health(clock, Longest())
    with ExitStack() as together:
        together.enter_context(pytest.raises(BackendFailedError))
        for _ in range(3):
            together.enter_context(health.dial())
        raise BackendFailedError("upstream_unreachable", elsewhere=True)
    clock.now += 1
    assert health.is_well


def test_what_a_client_can_provoke_tells_nothing_against_a_url(clock: Clock) -> None:
    health = Health(clock, Longest())
    with pytest.raises(RefusedError), health.dial():
        raise RefusedError("upstream_refused", "The backend answered 404.")
    assert health.is_well


def test_a_dial_that_is_given_up_lets_the_next_one_try(clock: Clock) -> None:
    health = Health(clock, Longest())
    fail(health)
    clock.now += 1
    with pytest.raises(KeyboardInterrupt), health.dial():
        raise KeyboardInterrupt
    assert health.is_well


def test_a_probe_that_fails_spares_clients_the_dial_until_the_next_can_have_spoken(
    balancer: Balancer, clock: Clock
) -> None:
    of = endpoint("failover")
    for _ in range(3):
        probe(balancer.health(of)["ws://a"], reached=False)
        assert order(balancer, of) == ["b", "c", "a"]
        clock.now += 9
    clock.now += 1
    assert order(balancer, of) == ["a", "b", "c"]


def test_a_failed_probe_is_not_believed_for_longer_than_dials_that_fail(clock: Clock) -> None:
    health = Health(clock, Longest())
    probe(health, reached=False, seconds=7200)
    clock.now += LONGEST_REST_SECONDS
    assert health.is_well


def test_a_dial_that_fails_does_not_cut_the_rest_that_a_probe_ordered(clock: Clock) -> None:
    health = Health(clock, Longest())
    probe(health, reached=False)
    fail_to_reach(health)
    clock.now += 9
    assert not health.is_well


def test_a_probe_and_a_dial_that_fail_together_are_one_failure(clock: Clock) -> None:
    health = Health(clock, Longest())
    with ExitStack() as together:
        together.enter_context(pytest.raises(UnreachableError))
        together.enter_context(health.dial())
        probe(health, reached=False, seconds=0)
        raise UnreachableError("upstream_unreachable")
    assert health.is_well


def test_a_good_probe_ends_the_rest_of_a_url_that_could_not_be_reached(clock: Clock) -> None:
    health = Health(clock, Longest())
    for _ in range(4):
        fail_to_reach(health)
    probe(health, reached=True)
    with health.dial():
        assert health.is_well  # all may come, not one at a time
    fail_to_reach(health)
    clock.now += 1
    assert health.is_well  # what was before is forgotten


def test_a_good_probe_does_not_refute_what_only_a_handshake_shows(clock: Clock) -> None:
    health = Health(clock, Longest())
    fail(health)
    probe(health, reached=True)
    assert not health.is_well
    probe(health, reached=False)  # it is restarted
    probe(health, reached=True)
    assert health.is_well


def test_a_good_dial_ends_what_a_probe_ordered(clock: Clock) -> None:
    health = Health(clock, Longest())
    probe(health, reached=False)
    with health.dial():
        pass
    fail_to_reach(health)
    clock.now += 1
    assert health.is_well
