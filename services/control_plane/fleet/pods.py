"""The pods, by the heartbeats of their workers."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from redis import Redis
from redis.exceptions import RedisError

from services.control_plane.catalogue.beats import read_beats
from services.control_plane.fleet.errors import pods_unavailable
from services.control_plane.fleet.schemas import GatewayRead, RefusedObject
from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.redis_client import read_time
from shared.connections import Beat


class PodReader:
    """Reads heartbeats. `redis` must give up soon, as for quotas."""

    def __init__(self, redis: Redis, bulkhead: Bulkhead) -> None:
        self._redis = redis
        self._bulkhead = bulkhead

    def read(self, digest: str) -> list[GatewayRead]:
        """Return the pods that live, and those that were lost within a minute. Raises `UnavailableError`.

        `digest` is of what they should have.
        """
        with self._bulkhead.place():
            try:
                now = read_time(self._redis)
                beats = read_beats(self._redis)
            except (RedisError, OSError) as error:
                raise pods_unavailable() from error
        pods: dict[str, list[tuple[Beat, bool]]] = defaultdict(list)
        for beat, until in beats.values():
            pods[beat.pod].append((beat, until > now))
        found = [_read_pod(id_, workers, digest) for id_, workers in pods.items()]
        return sorted(found, key=lambda pod: (pod.host, pod.started_at, pod.id))


def _read_pod(id_: str, workers: Sequence[tuple[Beat, bool]], digest: str) -> GatewayRead:
    living = [beat for beat, lives in workers if lives]
    beats = living or [beat for beat, _ in workers]
    revisions = [beat.revision for beat in beats if beat.revision is not None]
    digests = {beat.digest for beat in beats}
    draining = any(beat.draining for beat in living)
    return GatewayRead(
        id=id_,
        host=beats[0].host,
        environment=beats[0].environment,
        version=beats[0].version,
        state=("draining" if draining else "serving") if living else "lost",
        workers=len(living),
        connections=sum(beat.connections for beat in living),
        revision=min(revisions) if len(revisions) == len(beats) else None,
        digest=beats[0].digest if len(digests) == 1 else None,
        current=bool(living) and digests == {digest},
        refused=[
            RefusedObject(kind=kind, id=object_id, reason=reason)
            for kind, object_id, reason in sorted({refused for beat in beats for refused in beat.refused})
        ],
        started_at=datetime.fromtimestamp(min(beat.started_at for beat in beats), UTC),
        last_heartbeat=datetime.fromtimestamp(max(beat.at for beat in beats), UTC),
    )
