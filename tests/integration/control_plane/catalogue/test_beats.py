"""What workers say of themselves, as far as it can be read."""

from redis import Redis

from services.control_plane.catalogue.beats import read_beats
from shared import keys
from tests.integration.control_plane.usage.test_gaps import beat


def test_beats_that_can_be_read_come_with_the_end_of_their_worker(redis_client: Redis) -> None:
    assert read_beats(redis_client) == {}
    at = beat(redis_client, 1, "good")
    redis_client.zadd(keys.PODS, {"silent": at, "of another version": at})
    redis_client.set(keys.beat("of another version"), "{}")
    ((worker, (said, until)),) = read_beats(redis_client).items()
    assert (worker, said.at, until) == ("good", at, at + 5)
