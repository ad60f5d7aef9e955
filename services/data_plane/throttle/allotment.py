"""What one connection may use: taken at its dial, changed with its policies, let go of at its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from services.data_plane.quota import Quota, Quotas
from services.data_plane.refusal import RefusedError, come_back_later
from services.data_plane.throttle.headers import describe_left, describe_spent
from services.data_plane.throttle.leases import LeaseBook
from services.data_plane.throttle.meter import Meter
from services.data_plane.throttle.slots import SlotBook


@dataclass(frozen=True, slots=True)
class Throttle:
    """Where this pod's share of all limits lies."""

    leases: LeaseBook
    slots: SlotBook
    _meters: dict[int, Meter] = field(default_factory=dict)
    """By the identity of their quotas: to compare them would take longer than to make a meter."""

    def meter(self, quotas: Sequence[Quota]) -> Meter | None:
        """Return what counts by these very quotas, to be released; nothing where there is none."""
        if not quotas:
            return None
        meter = self._meters.get(id(quotas))
        if meter is None:
            meter = self._meters[id(quotas)] = Meter(self.leases, quotas)
        meter.users += 1
        return meter

    def release(self, meter: Meter) -> None:
        """Let go of a meter for one connection."""
        meter.users -= 1
        if not meter.users:
            del self._meters[id(meter.quotas)]
            meter.close()


class Allotment:
    """One connection's share. Made by `take`; it has to be closed."""

    __slots__ = ("_slots", "_throttle", "publish", "quotas", "subscribe")

    def __init__(self, throttle: Throttle, quotas: Quotas) -> None:
        self._throttle = throttle
        self._slots: Sequence[Quota] = ()
        self.quotas = quotas
        self.publish = throttle.meter(quotas.publish)
        self.subscribe = throttle.meter(quotas.subscribe)

    @classmethod
    async def take(cls, throttle: Throttle, quotas: Quotas) -> Self:
        """Take what a new connection needs. Raises `RefusedError` where some limit doesn't allow it."""
        allotment = cls(throttle, quotas)
        try:
            await allotment._admit()
        except BaseException:
            allotment.close()
            raise
        return allotment

    async def _admit(self) -> None:
        if handshakes := self._throttle.meter(self.quotas.handshakes):
            try:
                await _check(handshakes)
                handshakes.debit(1, 0)
            finally:
                self._throttle.release(handshakes)
        # Where a message would close the connection at once, it isn't opened.
        if self.publish is not None and "publish" in self.quotas.closing:
            await _check(self.publish, "close")
        if self.subscribe is not None and "subscribe" in self.quotas.closing:
            await _check(self.subscribe, "close")
        for quota in self.quotas.connections:
            if not await self._throttle.slots.take(quota):
                detail = f"The {quota.level} has its {quota.rule.amount} connections."
                raise come_back_later("too_many_connections", detail)
            self._slots = (*self._slots, quota)

    def replace(self, quotas: Quotas) -> None:
        """Count by other quotas from now on. What was spent stays spent."""
        slots, publish, subscribe = self._slots, self.publish, self.subscribe
        self._slots = quotas.connections
        for quota in self._slots:
            self._throttle.slots.keep(quota)
        self.quotas = quotas
        self.publish = self._throttle.meter(quotas.publish)
        self.subscribe = self._throttle.meter(quotas.subscribe)
        self._let_go(slots, publish, subscribe)

    def headers(self) -> list[tuple[str, str]]:
        """Return what the 101 says of the limits."""
        meters = (self.publish,) if self.publish is self.subscribe else (self.publish, self.subscribe)
        return describe_left(self.quotas, *meters)

    def close(self) -> None:
        """Let go of everything: the connection has ended."""
        self._let_go(self._slots, self.publish, self.subscribe)
        self._slots, self.publish, self.subscribe = (), None, None

    def _let_go(self, slots: Sequence[Quota], *meters: Meter | None) -> None:
        for quota in slots:
            self._throttle.slots.release(quota)
        for meter in meters:
            if meter is not None:
                self._throttle.release(meter)


async def _check(meter: Meter, *verdicts: str) -> None:
    """Refuse a dial that a limit doesn't allow: by these verdicts, or any."""
    verdict = await meter.settle()
    if verdict is not None and verdict != "ask" and (not verdicts or verdict in verdicts):
        quota, retry_seconds = meter.report()
        detail = f"The {quota.level}'s quota of {quota.rule.amount} {quota.rule.unit} is spent."
        raise RefusedError("quota_exceeded", detail, describe_spent(quota, retry_seconds))
