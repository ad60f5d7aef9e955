from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.throttling import repository
from services.control_plane.throttling.builtin import builtin_policies
from services.control_plane.throttling.errors import (
    BuiltInPolicyError,
    cannot_rename,
    level_needed,
    unknown_policy,
)
from services.control_plane.throttling.models import ThrottlingPolicy
from services.control_plane.throttling.projection import define_policy, write_of
from services.control_plane.throttling.schemas import PolicyWrite
from services.control_plane.throttling.subjects import Subjects
from shared.limits import Burst, Level, Limit, Override, PolicyName, policy_id


class PolicyService:
    def __init__(self, subjects: Subjects, clock: Clock) -> None:
        self._subjects = subjects
        self._clock = clock

    def get(self, session: Session, name: str, level: Level | None) -> ThrottlingPolicy:
        found = repository.find_named(session, name, level)
        if not found:
            raise NotFoundError
        if len(found) > 1:
            raise level_needed(name)
        return found[0]

    def require(self, session: Session, field: str, name: str, level: Level) -> str:
        """Return the id of a policy that a request names. Raises `InvalidError` on that field."""
        id_ = policy_id(level, PolicyName(name))
        if repository.find(session, id_) is None:
            raise unknown_policy(field, name, level)
        return id_

    def create(self, session: Session, body: PolicyWrite) -> ThrottlingPolicy:
        self._subjects.check(session, body)
        now = self._clock()
        policy = ThrottlingPolicy(
            id=policy_id(body.level, PolicyName(body.name)),
            level=body.level,
            name=body.name,
            created_at=now,
            updated_at=now,
        )
        _assign(policy, body)
        repository.add(session, policy)
        self._publish(session, policy, "policy.create")
        return policy

    def replace(
        self, session: Session, policy: ThrottlingPolicy, body: PolicyWrite, if_match: str | None
    ) -> ThrottlingPolicy:
        preconditions.check(if_match, policy.row_version)
        for field in ("name", "level"):
            if getattr(body, field) != getattr(policy, field):
                raise cannot_rename(field)
        self._subjects.check(session, body, policy.overrides)
        _assign(policy, body)
        policy.updated_at = self._clock()
        session.flush()
        self._publish(session, policy, "policy.update")
        return policy

    def patch(
        self, session: Session, policy: ThrottlingPolicy, patch: Mapping[str, Any], if_match: str | None
    ) -> ThrottlingPolicy:
        preconditions.check(if_match, policy.row_version)
        return self.replace(session, policy, patched(write_of(policy), patch), if_match)

    def delete(self, session: Session, policy: ThrottlingPolicy, if_match: str | None) -> None:
        preconditions.check(if_match, policy.row_version)
        if policy.builtin:
            raise BuiltInPolicyError(policy.name)
        repository.delete(session, policy)
        audit.record(session, "policy.delete", "policy", policy.id)
        outbox.record(session, "policy", policy.id, None, self._clock())

    def prepare(self, session: Session) -> None:
        """Make the built-in policies that are missing; those that somebody changed stay as they are."""
        for level, name, limits in builtin_policies():
            id_ = policy_id(level, PolicyName(name))
            policy = repository.find(session, id_) or self._add_builtin(session, id_, level, name, limits)
            outbox.record(session, "policy", id_, define_policy(policy), self._clock())

    def _add_builtin(
        self, session: Session, id_: str, level: Level, name: str, limits: tuple[Limit, ...]
    ) -> ThrottlingPolicy:
        now = self._clock()
        policy = ThrottlingPolicy(
            id=id_, level=level, name=name, limits=limits, builtin=True, created_at=now, updated_at=now
        )
        repository.add(session, policy)
        return policy

    def _publish(self, session: Session, policy: ThrottlingPolicy, action: str) -> None:
        audit.record(session, action, "policy", policy.id)
        outbox.record(session, "policy", policy.id, define_policy(policy), self._clock())


def _assign(policy: ThrottlingPolicy, body: PolicyWrite) -> None:
    policy.description = body.description
    policy.limits = tuple(Limit.model_validate(limit.model_dump()) for limit in body.limits)
    policy.burst = body.burst and Burst.model_validate(body.burst.model_dump())
    policy.on_exceed = body.on_exceed
    policy.max_delay_seconds = body.max_delay_seconds
    policy.shadow = body.shadow
    policy.overrides = tuple(Override.model_validate(override.model_dump()) for override in body.overrides)
