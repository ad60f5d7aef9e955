"""What is left of the limits that hold an application: read from the counters that pods lease from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from sqlmodel import Session

from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.problems import UnavailableError
from services.control_plane.store import repository
from services.control_plane.store.models import Application
from services.control_plane.store.schemas import QuotaRead
from services.control_plane.throttling import repository as policies
from services.control_plane.throttling.projection import define_policy
from shared import keys
from shared.limits import Level, Policy, PolicyName, Rule


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit of one subject, as pods count it."""

    level: Level
    id: str
    subject: dict[str, str]
    policy: PolicyName
    rule: Rule

    @property
    def key(self) -> str:
        return keys.limit(self.level, self.id, self.rule.counter)


class QuotaReader:
    """Reads counters. `redis` must give up soon: a caller waits for it, and so does a place in the bulkhead."""

    def __init__(self, redis: Redis, bulkhead: Bulkhead) -> None:
        self._redis = redis
        self._bulkhead = bulkhead

    def list_quotas(self, session: Session, application: Application) -> list[Quota]:
        """Return the windows that count for an application and its subscriptions. Shadow policies hold nobody."""
        subscriptions = repository.subscriptions_of(session, application.id)
        ids = {application.policy_id, *(subscription.policy_id for subscription in subscriptions)}
        defined = {row.id: define_policy(row) for row in policies.find_all(session, ids)}
        subject = {"application_id": application.id}
        quotas = list(_quotas(defined[application.policy_id], application.id, subject, "", application.id))
        for subscription in subscriptions:
            policy, api_id = defined[subscription.policy_id], subscription.api_id
            subject = {"subscription_id": subscription.id, "api_id": api_id}
            quotas += _quotas(policy, subscription.id, subject, api_id, application.id)
        return quotas

    def read(self, quotas: Sequence[Quota]) -> list[QuotaRead]:
        """Return each with what is spent of it, in two round trips. Raises `UnavailableError`."""
        pipe: Any  # the client's types know no plain strings
        with self._bulkhead.place():
            try:
                seconds, microseconds = self._redis.time()
                with self._redis.pipeline(transaction=False) as pipe:
                    for quota in quotas:
                        pipe.hmget(quota.key, "start", "window_ms", "spent")
                    counters = pipe.execute()
            except (RedisError, OSError) as error:
                detail = "Redis, where limits are counted, does not answer."
                raise UnavailableError(detail, headers={"Retry-After": "1"}) from error
        now_ms = seconds * 1000 + microseconds // 1000
        return [read_quota(quota, counter, now_ms) for quota, counter in zip(quotas, counters, strict=True)]


def read_quota(quota: Quota, counter: Sequence[str | None], now_ms: int) -> QuotaRead:
    """Return a quota with what its counter says: the start of a window, its length in ms, and what is spent."""
    start, window_ms, spent = (int(value or 0) for value in counter)
    resets_in_ms = max(0, start + window_ms - now_ms)
    used = spent if resets_in_ms else 0
    return QuotaRead(
        level=quota.level,
        subject=quota.subject,
        policy=quota.policy,
        unit=quota.rule.unit,
        direction=quota.rule.direction,
        amount=quota.rule.amount,
        window_seconds=quota.rule.window_seconds,
        used=used,
        left=max(0, quota.rule.amount - used),
        resets_in_ms=resets_in_ms,
    )


def _quotas(policy: Policy, id_: str, subject: dict[str, str], api_id: str, application_id: str) -> Iterator[Quota]:
    if policy.shadow:
        return
    for rule in policy.rules(api_id, application_id):
        if rule.window_seconds and not rule.rolling:
            yield Quota(policy.level, id_, subject, policy.name, rule)
