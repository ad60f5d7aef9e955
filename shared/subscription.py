from typing import Literal, NewType

from shared.contract import Contract
from shared.definition import ApiId, KeyType
from shared.limits import PolicyName

ApplicationId = NewType("ApplicationId", str)
ClientId = NewType("ClientId", str)
SubscriptionId = NewType("SubscriptionId", str)

SubscriptionState = Literal["UNBLOCKED", "BLOCKED", "PROD_ONLY_BLOCKED"]


class ApplicationDefinition(Contract):
    id: ApplicationId
    name: str
    owner: str
    owner_id: str | None = None
    owner_disabled: bool = False
    policy: PolicyName


class KeyDefinition(Contract):
    """A consumer key: the OAuth client that an application is for one key type."""

    client_id: ClientId
    application_id: ApplicationId
    key_type: KeyType


class SubscriptionDefinition(Contract):
    id: SubscriptionId
    application_id: ApplicationId
    api_id: ApiId
    policy: PolicyName
    state: SubscriptionState = "UNBLOCKED"
