"""What one connection may use: taken at its dial, changed with its policies, let go of at its end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from services.data_plane.connection import Quota
from services.data_plane.refusal import RefusedError, come_back_later
from services.data_plane.throttle.headers import describe_left, describe_spent
from services.data_plane.throttle.leases import LeaseBook
from services.data_plane.throttle.meter import Meter
from services.data_plane.throttle.slots import SlotBook
from shared.limits import Direction


@dataclass(frozen=True, slots=True)
class Throttle:
    """Where this pod's share of all limits lies."""

    leases: LeaseBook
    slots: SlotBook

    def meter(self, quotas: Iterable[Quota]) -> Meter | None:
        """Return what counts by some quotas; nothing where there is none."""
        found = tuple(quotas)
        return Meter(self.leases, found) if found else None


class Allotment:
    """One connection's share. Made by `take`; it has to be closed."""

    __slots__ = ("_slots", "_throttle", "publish", "quotas", "subscribe")

    def __init__(self, throttle: Throttle, quotas: Sequence[Quota]) -> None:
        self._throttle = throttle
        self._slots: list[Quota] = []
        self.quotas = quotas
        self.publish = throttle.meter(_counting(quotas, "publish"))
        self.subscribe = throttle.meter(_counting(quotas, "subscribe"))

    @classmethod
    async def take(cls, throttle: Throttle, quotas: Sequence[Quota]) -> Self:
        """Take what a new connection needs. Raises `RefusedError` where some limit doesn't allow it."""
        allotment = cls(throttle, quotas)
        try:
            await allotment._admit()
        except BaseException:
            allotment.close()
            raise
        return allotment

    async def _admit(self) -> None:
        if handshakes := self._throttle.meter(_of_unit(self.quotas, "handshakes")):
            try:
                await _check(handshakes)
                handshakes.debit(1, 0)
            finally:
                handshakes.close()
        for meter in (self.publish, self.subscribe):
            # Where a message would close the connection at once, it isn't opened.
            if meter is not None and any(quota.on_exceed == "close" for quota in meter.quotas):
                await _check(meter, "close")
        for quota in _of_unit(self.quotas, "connections"):
            if not await self._throttle.slots.take(quota):
                detail = f"The {quota.level} has its {quota.rule.amount} connections."
                raise come_back_later("too_many_connections", detail)
            self._slots.append(quota)

    def replace(self, quotas: Sequence[Quota]) -> None:
        """Count by other quotas from now on. What was spent stays spent."""
        slots, publish, subscribe = self._slots, self.publish, self.subscribe
        self._slots = list(_of_unit(quotas, "connections"))
        for quota in self._slots:
            self._throttle.slots.keep(quota)
        self.quotas = quotas
        self.publish = self._throttle.meter(_counting(quotas, "publish"))
        self.subscribe = self._throttle.meter(_counting(quotas, "subscribe"))
        self._let_go(slots, publish, subscribe)

    def headers(self) -> list[tuple[str, str]]:
        """Return what the 101 says of the limits."""
        return describe_left([meter for meter in (self.publish, self.subscribe) if meter is not None])

    def close(self) -> None:
        """Let go of everything: the connection has ended."""
        self._let_go(self._slots, self.publish, self.subscribe)
        self._slots, self.publish, self.subscribe = [], None, None

    def _let_go(self, slots: Sequence[Quota], *meters: Meter | None) -> None:
        for quota in slots:
            self._throttle.slots.release(quota)
        for meter in meters:
            if meter is not None:
                meter.close()


async def _check(meter: Meter, *verdicts: str) -> None:
    """Refuse a dial that a limit doesn't allow: by these verdicts, or any."""
    verdict = await meter.settle()
    if verdict is not None and verdict != "ask" and (not verdicts or verdict in verdicts):
        quota, retry_seconds = meter.report()
        detail = f"The {quota.level}'s quota of {quota.rule.amount} {quota.rule.unit} is spent."
        raise RefusedError("quota_exceeded", detail, describe_spent(quota, retry_seconds))


def _of_unit(quotas: Iterable[Quota], unit: str) -> Iterable[Quota]:
    return (quota for quota in quotas if quota.rule.unit == unit)


def _counting(quotas: Iterable[Quota], direction: Direction) -> Iterable[Quota]:
    """Return the quotas that messages of one direction are counted by."""
    counted = (quota for quota in quotas if quota.rule.unit in ("messages", "bytes"))
    return (quota for quota in counted if quota.rule.direction in (direction, "both"))
