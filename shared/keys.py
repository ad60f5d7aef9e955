"""Every Redis key and stream.

The braces are hash tags: what one script or transaction touches lies in one slot of a cluster.
"""

from shared.limits import Level, Unit

CATALOGUE_STATE = "fg:{catalogue}:state"
"""Hash: epoch, revision and digest of what the catalogue holds."""

CATALOGUE_STREAM = "fg:{catalogue}:stream"
"""Stream of changes. The id of an entry is its revision: `<revision>-0`."""


def catalogue_objects(kind: str) -> str:
    """Return the hash of a kind's objects: id to JSON."""
    return f"fg:{{catalogue}}:objects:{kind}"


def limit(level: Level, subject: str, unit: Unit, direction: str) -> str:
    """Return the counter of one limit of one subject: an API, an application or a subscription."""
    return f"fg:{{limit:{level}:{subject}:{unit}:{direction}}}"


def pod(pod_id: str) -> str:
    """Return the hash in which a pod says that it lives; it expires without a heartbeat."""
    return f"fg:pod:{pod_id}"
