"""Rows to what the pods and the callers read. Pure."""

from collections.abc import Sequence

from services.control_plane.environments.models import GatewayEnvironment
from services.control_plane.identity.models import Account
from services.control_plane.oauth.models import OAuthClient
from services.control_plane.oauth.schemas import TokenRead
from services.control_plane.oauth.tokens import NewToken
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.projection import environments_of, issuers_of, metadata_of, state_of
from services.control_plane.store.api_key_schemas import ApiKeyRead, ApiKeyWrite
from services.control_plane.store.external_key_schemas import ExternalKeyRead, MappedClientRead
from services.control_plane.store.feedback_schemas import RatingRead
from services.control_plane.store.models import ApiKey, Application, ApplicationKey, ExternalKey, Subscription
from services.control_plane.store.schemas import (
    ApplicationRead,
    ApplicationWrite,
    KeyRead,
    StoreApiRead,
    StoreEnvironmentRead,
    SubscriptionRead,
)
from shared.api_keys import ApiKeyDefinition
from shared.subscription import ApplicationDefinition, KeyDefinition, SubscriptionDefinition


def define_application(application: Application, owner: Account) -> ApplicationDefinition | None:
    """Return the application as the pods know it, or None while it waits for its approval.

    They block users by name until there is one, and then by id.
    """
    if application.approval:
        return None
    return ApplicationDefinition.model_validate(
        {
            "id": application.id,
            "name": application.name,
            "owner": owner.name,
            "owner_id": owner.id,
            "owner_disabled": owner.disabled,
            "policy": application.policy,
        }
    )


def define_key(key: ApplicationKey) -> KeyDefinition:
    return KeyDefinition.model_validate(key.model_dump(include=set(KeyDefinition.model_fields)))


def words_of_key(key: ApplicationKey | ApiKey | ExternalKey) -> dict[str, str]:
    """Return what the audit says of a key beside its id."""
    return {"application_id": key.application_id, "key_type": key.key_type}


def define_api_key(key: ApiKey) -> ApiKeyDefinition:
    expires_at = None if key.expires_at is None else int(key.expires_at.timestamp())
    fields = key.model_dump(include=set(ApiKeyDefinition.model_fields))
    return ApiKeyDefinition.model_validate({**fields, "expires_at": expires_at})


def define_external_key(key: ExternalKey) -> KeyDefinition:
    return KeyDefinition.model_validate(key.model_dump(include=set(KeyDefinition.model_fields)))


def define_subscription(subscription: Subscription) -> SubscriptionDefinition | None:
    """Return the subscription as the pods know it, or None while it waits for its approval."""
    if subscription.approval:
        return None
    return SubscriptionDefinition.model_validate(
        {
            "id": subscription.id,
            "application_id": subscription.application_id,
            "api_id": subscription.api_id,
            "policy": subscription.policy,
            "state": subscription.state,
        }
    )


def write_of_application(application: Application) -> ApplicationWrite:
    """Return the body that would put the application as it is."""
    return ApplicationWrite(name=application.name, description=application.description, policy=application.policy)


def read_application(application: Application) -> ApplicationRead:
    fields = application.model_dump(include=set(ApplicationRead.model_fields))
    known = {"policy": application.policy, "state": application.approval or "ACTIVE"}
    return ApplicationRead.model_validate({**fields, **known})


def read_key(key: ApplicationKey, client: OAuthClient) -> KeyRead:
    fields = key.model_dump(include=set(KeyRead.model_fields))
    settings = {
        "consumer_key": client.id,
        "callback_urls": client.redirect_uris,
        "jwks": client.jwks,
        "grant_types": client.grant_types,
        "validity_seconds": client.token_validity_seconds,
        "scopes": client.scopes,
    }
    return KeyRead.model_validate({**fields, **settings})


def write_of_api_key(key: ApiKey) -> ApiKeyWrite:
    """Return the body that would put the key as it is: what a patch starts from."""
    return ApiKeyWrite.model_validate(key.model_dump(include=set(ApiKeyWrite.model_fields)))


def read_api_key(key: ApiKey) -> ApiKeyRead:
    return ApiKeyRead.model_validate(key.model_dump(include=set(ApiKeyRead.model_fields)))


def read_external_key(key: ExternalKey) -> ExternalKeyRead:
    return ExternalKeyRead.model_validate(read_mapped_client(key).model_dump(exclude={"application_id"}))


def read_mapped_client(key: ExternalKey) -> MappedClientRead:
    fields = key.model_dump(include=set(MappedClientRead.model_fields))
    client_id = key.client_id.removeprefix(f"{key.issuer}/")
    return MappedClientRead.model_validate({**fields, "external_client_id": client_id})


def read_token(token: NewToken) -> TokenRead:
    return TokenRead(
        access_token=token.access_token, token_type=token.token_type, expires_in=token.expires_in, scope=token.scope
    )


def read_subscription(subscription: Subscription) -> SubscriptionRead:
    fields = subscription.model_dump(include=set(SubscriptionRead.model_fields))
    known = {"policy": subscription.policy, "state": subscription.approval or subscription.state}
    return SubscriptionRead.model_validate({**fields, **known})


def read_store_api(
    api: Api, everywhere: Sequence[GatewayEnvironment], rating: RatingRead | None = None
) -> StoreApiRead:
    """Return an API as subscribers see it. `everywhere` are all environments: it shows those that it is deployed to."""
    environments = deployed_to(api, everywhere)
    return StoreApiRead(
        id=api.id,
        name=api.name,
        context=api.context,
        version=api.version,
        default=api.is_default,
        description=api.description,
        tags=sorted(link.tag for link in api.tags),
        **metadata_of(api),
        thumbnail=api.thumbnail is not None,
        state=state_of(api),
        policies=sorted(link.name for link in api.policies),
        auth_types=list(api.auth.types),
        scopes=list(api.auth.scopes),
        issuers=issuers_of(api),
        visibility=api.visibility,
        gateway_urls=gateway_urls(api, urls_of(environments)),
        environments=[
            StoreEnvironmentRead(
                name=environment.name,
                description=environment.description,
                urls=gateway_urls(api, environment.urls),
            )
            for environment in environments
        ],
        rating=rating or RatingRead(),
        created_at=api.created_at,
        updated_at=api.updated_at,
    )


def deployed_to(api: Api, everywhere: Sequence[GatewayEnvironment]) -> list[GatewayEnvironment]:
    """Return those environments whose pods serve an API: all, unless it names some."""
    named = environments_of(api)
    return [environment for environment in everywhere if not named or environment.name in named]


def urls_of(environments: Sequence[GatewayEnvironment]) -> list[str]:
    return [url for environment in environments for url in environment.urls]


def gateway_urls(api: Api, gateways: Sequence[str]) -> list[str]:
    """Return where clients call an API; the default version answers at the context alone as well."""
    paths = [f"{api.context}/{api.version}", *([api.context] if api.is_default else [])]
    return [f"{gateway}{path}" for path in paths for gateway in gateways]


def words_of(subscription: Subscription) -> dict[str, str]:
    """Return what the audit keeps of a subscription."""
    return {
        "application_id": subscription.application_id,
        "api_id": subscription.api_id,
        "policy": subscription.policy,
        "state": subscription.approval or subscription.state,
    }
