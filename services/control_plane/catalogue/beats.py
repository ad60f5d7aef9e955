"""What the workers of pods say of themselves."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError
from redis import Redis

from shared import keys
from shared.connections import Beat


def read_beats(redis: Redis) -> Mapping[str, tuple[Beat, float]]:
    """Return the last beat of each worker, and when it is given up; those that were lost within a minute too."""
    until = dict(cast("list[tuple[str, float]]", redis.zrange(keys.PODS, 0, -1, withscores=True)))
    pipe: Any  # the client's types know no plain strings
    with redis.pipeline(transaction=False) as pipe:
        for worker in until:
            pipe.get(keys.beat(worker))
        texts = pipe.execute()
    found = zip(until.items(), texts, strict=True)
    return {worker: (beat, at) for (worker, at), text in found if text and (beat := _parse(text))}


def _parse(text: str) -> Beat | None:
    """Return a heartbeat, or None for one of another version that can't be read."""
    try:
        return Beat.model_validate_json(text)
    except ValidationError:
        return None
