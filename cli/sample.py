"""The sample API, made through the public REST as anybody would."""

from dataclasses import dataclass

from cli import rest
from cli.rest import Rest

NAME, CONTEXT, VERSION = "EchoWebSocket", "/echowebsocket", "1.0"
APPLICATION, POLICY = "DefaultApplication", "Gold"


@dataclass(frozen=True, slots=True)
class Key:
    """What a consumer gets for one key type."""

    consumer_key: str
    consumer_secret: str
    token: str


@dataclass(frozen=True, slots=True)
class Backends:
    production: str
    sandbox: str


def set_up(base_url: str, client_id: str, client_secret: str, backends: Backends) -> dict[str, Key]:
    """Publish the API, subscribe to it, and return its keys by type."""
    with rest.sign_in_as(base_url, client_id, client_secret, trust_env=False) as client:
        api = client.ask(
            "POST",
            "/publisher/v1/apis",
            {
                "name": NAME,
                "context": CONTEXT,
                "version": VERSION,
                "description": "Sends every message back.",
                "endpoints": {"production": {"urls": [backends.production]}, "sandbox": {"urls": [backends.sandbox]}},
                "policies": [POLICY],
            },
        )
        client.ask("POST", f"/publisher/v1/apis/{api['id']}/lifecycle", {"action": "publish"})
        (application,) = client.find("/store/v1/applications", APPLICATION)
        client.ask(
            "POST",
            "/store/v1/subscriptions",
            {"application_id": application["id"], "api_id": api["id"], "policy": POLICY},
        )
        return {kind: _make_key(client, application["id"], kind) for kind in ("PRODUCTION", "SANDBOX")}


def _make_key(client: Rest, application_id: str, kind: str) -> Key:
    made = client.ask("POST", f"/store/v1/applications/{application_id}/keys", {"key_type": kind})
    return Key(made["consumer_key"], made["consumer_secret"], made["token"]["access_token"])
