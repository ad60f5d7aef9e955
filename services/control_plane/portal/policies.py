"""Policies as pages offer them: by name, with what they allow in words."""

from collections.abc import Collection
from typing import NamedTuple

from sqlmodel import Session

from services.control_plane.kit.pagination import MAX_LIMIT, PageQuery
from services.control_plane.portal.words import describe_policy, describe_quota
from services.control_plane.throttling import repository
from services.control_plane.throttling.models import ThrottlingPolicy
from services.control_plane.throttling.projection import read_policy
from shared.limits import Level, PolicyName, policy_id


class Offer(NamedTuple):
    name: str
    quota: str
    words: str


def words_of(session: Session, level: Level, names: Collection[str]) -> list[Offer]:
    """Return these policies, the most generous last."""
    ids = [policy_id(level, PolicyName(name)) for name in names]
    return [_offer(row) for row in sorted(repository.find_all(session, ids), key=_generosity)]


def offers(session: Session, level: Level) -> list[Offer]:
    """Return what may be chosen from at a level."""
    rows, _ = repository.list_page(session, level, PageQuery(limit=MAX_LIMIT))
    return [_offer(row) for row in sorted(rows, key=_generosity)]


def _offer(row: ThrottlingPolicy) -> Offer:
    policy = read_policy(row)
    return Offer(policy.name, describe_quota(policy.limits, policy.burst), " ".join(describe_policy(policy)))


def _generosity(row: ThrottlingPolicy) -> tuple[float, str]:
    rates = [limit.amount / (limit.window_seconds or 1) for limit in row.limits if limit.unit == "messages"]
    return (min(rates, default=float("inf")), row.name)
