"""What reaches into the networks of others, put together."""

from dataclasses import dataclass

from redis import Redis

from services.control_plane.issuers.introspection import Introspection
from services.control_plane.issuers.reading import IssuerReader
from services.control_plane.issuers.refreshing import Refresher
from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.security import Sealer
from services.control_plane.publisher.addresses import AddressChecker
from shared.addresses import AddressPolicy


@dataclass(frozen=True, slots=True)
class Outside:
    """`slow` has room for the calls that users cause."""

    slow: Bulkhead
    addresses: AddressChecker
    reader: IssuerReader
    introspection: Introspection
    refresher: Refresher


def look_outside(
    policy: AddressPolicy, slow: Bulkhead, database: Database, redis: Redis, sealer: Sealer, clock: Clock
) -> Outside:
    """Return it for these addresses. `sealer` seals what pods open."""
    addresses = AddressChecker(policy, slow)
    reader = IssuerReader(addresses)
    refresher = Refresher(database, redis, reader, clock)
    return Outside(slow, addresses, reader, Introspection(sealer, reader, slow), refresher)
