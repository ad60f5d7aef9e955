"""Every Redis key and stream.

The braces are hash tags: what one script or transaction touches lies in one slot of a cluster.
"""

from shared.limits import Level

CATALOGUE_STATE = "fg:{catalogue}:state"
"""Hash: epoch, revision and digest of what the catalogue holds."""

CATALOGUE_STREAM = "fg:{catalogue}:stream"
"""Stream of changes. The id of an entry is its revision: `<revision>-0`."""


def catalogue_objects(kind: str) -> str:
    """Return the hash of a kind's objects: id to JSON."""
    return f"fg:{{catalogue}}:objects:{kind}"


CATALOGUE_KEY = "fg:{catalogue}:key"
"""String: the key that opens what is sealed in the catalogue. The control plane writes it, pods alone read it."""


CATALOGUE_WITNESSES = "fg:{catalogue}:witnesses"
"""Sorted set: of each epoch, the latest revision that a pod has and Redis has not. For half a minute."""


def limit(level: Level, subject: str, counter: str) -> str:
    """Return where one limit of one subject is counted: an API, an application, a subscription or its stand-in.

    `counter` is the one of a `shared.limits.Rule`.
    """
    return f"fg:{{limit:{level}:{subject}:{counter}}}"


def ticket(digest: str) -> str:
    """Return where a ticket waits to be used, by its SHA-256: JSON of a `shared.tickets.Ticket`, for half a minute."""
    return f"fg:{{ticket:{digest}}}"


def dpop(digest: str) -> str:
    """Return where it is kept that a proof was used, by the SHA-256 of its key and `jti`."""
    return f"fg:{{dpop:{digest}}}"


ISSUER_HINTS = "fg:{issuers}:hints"
"""Set of external issuers, by name, that a token came of with a key that no pod knows."""

PODS = "fg:pods"
"""Sorted set of the workers of all pods, by the time at which each is given up. Lost ones stay for a minute."""


def beat(worker: str) -> str:
    """Return where a worker says how it is: JSON of a `shared.connections.Beat`, for a minute."""
    return f"fg:{{pod:{worker}}}"


USAGE_STREAM = "fg:{usage}:stream"
"""Stream of what pods counted: JSON of a `shared.usage.UsageBatch` each. The control plane's group `sql` takes it."""

CONNECTION_QUESTIONS = "fg:{connections}:questions"
"""Short stream of questions about open connections: JSON of a `shared.connections.Question`, and who asks."""


def connection_answers(asked: str) -> str:
    """Return the list of the answers to one question, by the id that it has: a JSON `Answer` of each worker."""
    return f"fg:{{connections}}:answers:{asked}"


def tail(id_: str) -> str:
    """Return the stream of what pods tell to one who watches: JSON of a `shared.tail.TailBatch` each. It is short."""
    return f"fg:{{tail:{id_}}}"


REVOCATIONS_STREAM = "fg:{revocations}:stream"
"""Stream of revoked access tokens, for those who have read the set."""

REVOCATIONS_SET = "fg:{revocations}:set"
"""Sorted set to start from: the `jti` of every revoked access token, by the time at which it would have expired."""
