"""The catalogue as the stages read it: an immutable table, built aside and swapped whole."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, TypedDict, cast

from services.data_plane.inspection import Inspection, inspect_all
from services.data_plane.networks import is_within
from services.data_plane.quota import Quotas
from shared.api_keys import ApiKeyDefinition
from shared.blocks import BlockDefinition
from shared.claims import GATEWAY_AUDIENCE, IssuerDefinition, TokenVerifier, read_keys
from shared.contract import Contract
from shared.definition import DEFAULT_ENVIRONMENT, ApiDefinition, ApiId
from shared.external import ExternalVerifier
from shared.limits import Policy, PolicyId
from shared.subscription import (
    ApplicationDefinition,
    ApplicationId,
    ClientId,
    KeyDefinition,
    SubscriptionDefinition,
)

Objects = Mapping[str, Mapping[str, Contract]]
"""Kind to id to object."""


QuotasKey = tuple[ApiId, ApplicationId, str | None]
"""With the path, where it has limits of its own."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The APIs of one context."""

    by_name: Mapping[str, ApiDefinition]
    default: ApiDefinition | None


@dataclass(frozen=True, slots=True)
class Blocks:
    """Who and what is turned away."""

    applications: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    """By name, as applications have their owners."""

    people: frozenset[str] = frozenset()
    """The same by the ids of their accounts, as tokens have who allowed them."""

    strangers: frozenset[str] = frozenset()
    """The names that were no person's yet."""

    apis: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()

    @classmethod
    def of(cls, definitions: Iterable[BlockDefinition]) -> Self:
        values, people, strangers = defaultdict(set), set(), set()
        for definition in definitions:
            values[definition.kind].add(definition.value)
            if definition.account_id is not None:
                people.add(definition.account_id)
            elif definition.kind == "user":
                strangers.add(definition.value)
        return cls(
            applications=frozenset(values["application"]),
            users=frozenset(values["user"]),
            people=frozenset(people),
            strangers=frozenset(strangers),
            apis=frozenset(values["api"]),
            networks=tuple(values["address"]),
        )

    @property
    def any(self) -> bool:
        return bool(self.applications or self.users or self.apis or self.networks)

    def has_owner(self, application: ApplicationDefinition) -> bool:
        if application.owner_id is None:  # of an older control plane
            return application.owner in self.users
        # A service account may have a person's name.
        return application.owner_id in self.people or application.owner in self.strangers

    def has_address(self, address: str) -> bool:
        return bool(self.networks) and is_within(address, self.networks)


@dataclass(frozen=True, slots=True)
class RouteTable:
    """What a pod of an environment serves. `depth` is one more than the number of segments of the longest context."""

    contexts: Mapping[str, Versions] = field(default_factory=dict)
    depth: int = 0
    apis: Mapping[ApiId, ApiDefinition] = field(default_factory=dict)
    inspections: Mapping[ApiId, Inspection | None] = field(default_factory=dict)
    """Of the APIs whose messages are checked: None where this pod can't read how. All others are passed through."""

    policies: Mapping[PolicyId, Policy] = field(default_factory=dict)
    applications: Mapping[ApplicationId, ApplicationDefinition] = field(default_factory=dict)
    keys: Mapping[ClientId, KeyDefinition] = field(default_factory=dict)
    subscriptions: Mapping[tuple[ApplicationId, ApiId], SubscriptionDefinition] = field(default_factory=dict)
    api_keys: Mapping[str, ApiKeyDefinition] = field(default_factory=dict)
    issuers: Mapping[str, TokenVerifier] = field(default_factory=dict)
    own_issuer: IssuerDefinition | None = None
    blocks: Blocks = field(default_factory=Blocks)
    environment: str = DEFAULT_ENVIRONMENT
    quotas: dict[QuotasKey, Quotas] = field(default_factory=dict, init=False, compare=False)
    """What was found in this table already: `replace` begins with an empty one."""

    def policy_of(self, api: ApiDefinition | None, application: ApplicationDefinition | None) -> str:
        """Return the policy under which an application is subscribed to an API, or nothing."""
        if api is None or application is None:
            return ""
        subscription = self.subscriptions.get((application.id, api.id))
        return subscription.policy if subscription else ""

    def with_objects(self, kind: str, objects: Mapping[str, Contract]) -> Self:  # noqa: PLR0911 - one a kind
        """Return the table with all objects of one kind replaced."""
        match kind:
            case "api":
                known = cast("Mapping[ApiId, ApiDefinition]", objects)
                apis = {id_: api for id_, api in known.items() if api.is_deployed_to(self.environment)}
                contexts = _group(apis)
                depth = max((context.count("/") + 1 for context in contexts), default=0)
                inspections = inspect_all(apis, self.inspections)
                return replace(self, contexts=contexts, depth=depth, apis=apis, inspections=inspections)
            case "policy":
                return replace(self, policies=cast("Mapping[PolicyId, Policy]", objects))
            case "application":
                return replace(self, applications=cast("Mapping[ApplicationId, ApplicationDefinition]", objects))
            case "key":
                return replace(self, keys=cast("Mapping[ClientId, KeyDefinition]", objects))
            case "subscription":
                subscriptions = cast("Mapping[str, SubscriptionDefinition]", objects).values()
                return replace(self, subscriptions={(s.application_id, s.api_id): s for s in subscriptions})
            case "api_key":
                found = cast("Mapping[str, ApiKeyDefinition]", objects).values()
                return replace(self, api_keys={key.digest: key for key in found})
            case "issuer":
                issuers = cast("Mapping[str, IssuerDefinition]", objects).values()
                return replace(self, **_group_issuers(issuers))
            case "block":
                return replace(self, blocks=Blocks.of(cast("Mapping[str, BlockDefinition]", objects).values()))
            case _:
                return self


def _group(objects: Mapping[ApiId, ApiDefinition]) -> dict[str, Versions]:
    grouped: dict[str, list[ApiDefinition]] = {}
    for api in objects.values():
        grouped.setdefault(api.context, []).append(api)
    return {
        context: Versions(
            by_name={api.version: api for api in apis},
            default=next((api for api in apis if api.default), None),
        )
        for context, apis in grouped.items()
    }


class _Issuers(TypedDict):
    issuers: Mapping[str, TokenVerifier]
    own_issuer: IssuerDefinition | None


def _group_issuers(issuers: Iterable[IssuerDefinition]) -> _Issuers:
    verifiers: dict[str, TokenVerifier] = {}
    own_issuer = None
    # Ours last: no other can take its place.
    for issuer in sorted(issuers, key=lambda issuer: issuer.external is None):
        if issuer.external is None:
            own_issuer = issuer
            keys = read_keys(issuer.keys)
            verifiers[issuer.issuer] = TokenVerifier(issuer=issuer.issuer, audience=GATEWAY_AUDIENCE, keys=keys)
        else:
            verifiers[issuer.issuer] = ExternalVerifier.of(issuer.issuer, issuer.external)
    return _Issuers(issuers=verifiers, own_issuer=own_issuer)
