"""Descriptors: two for each connection, and some that nobody may use up."""

import resource
from typing import Final

RESERVED: Final = 128  # Redis, ops, files, and clients that are told to come back
FEWEST: Final = 256
MOST: Final = 2**20  # where there is no limit in fact


class TooFewDescriptorsError(Exception):
    """The limit on open files leaves no room for connections."""


def raise_limit() -> int:
    """Ask for as many descriptors as this process may have; return how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft != resource.RLIM_INFINITY and soft < FEWEST:
        raise TooFewDescriptorsError(
            f"only {soft} files may be open (ulimit -n), and each connection takes two: at least {FEWEST} are needed"
        )
    return soft


def count_connections() -> int:
    """Return how many connections the descriptors of this process are enough for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (MOST if soft == resource.RLIM_INFINITY else soft - RESERVED) // 2
