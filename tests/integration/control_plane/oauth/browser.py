"""A person with a browser, and a client that sends people to us."""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx

from tests.integration.control_plane.platform import Platform

AUTHORIZE: Final = "/oauth2/authorize"
TOKEN: Final = "/oauth2/token"
CALLBACK: Final = "https://app.example.com/back?x=1"
PERSON: Final = {"username": "admin", "password": "a password of the tests"}
ISSUER: Final = "http://localhost:8000"


class Speaks(Protocol):
    """A control plane that can be spoken with."""

    @property
    def client(self) -> httpx.AsyncClient: ...


@dataclass
class CodeClient:
    """An application that lets people sign in."""

    platform: Speaks
    id: str
    secret: str
    key_path: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def request(self) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": CALLBACK,
            "state": "s & t",
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }

    async def page(self, **changes: str | None) -> httpx.Response:
        query = {name: value for name, value in {**self.request, **changes}.items() if value is not None}
        return await self.platform.client.get(AUTHORIZE, params=query)

    async def decide(self, page: httpx.Response, **form: str) -> httpx.Response:
        return await post(self.platform, AUTHORIZE, request=sealed_in(page), **{"decision": "allow", **PERSON, **form})

    async def get_code(self, **changes: str | None) -> str:
        return answer_of(await self.decide(await self.page(**changes)))["code"]

    async def ask(self, **form: str | None) -> httpx.Response:
        return await self.post(TOKEN, **form)

    async def post(self, path: str, **form: str | None) -> httpx.Response:
        return await post(self.platform, path, client_id=self.id, client_secret=self.secret, **form)

    async def exchange(self, code: str, **changes: str | None) -> httpx.Response:
        form = {"code": code, "redirect_uri": CALLBACK, "code_verifier": self.verifier}
        return await self.ask(grant_type="authorization_code", **{**form, **changes})

    async def refresh(self, token: str, **form: str) -> httpx.Response:
        return await self.ask(grant_type="refresh_token", refresh_token=token, **form)

    async def is_active(self, token: str) -> bool:
        return bool((await self.post("/oauth2/introspect", token=token)).json()["active"])


async def post(platform: Speaks, path: str, *proofs: str, **form: str | None) -> httpx.Response:
    """Send a form that brings all its credentials itself, and proofs of a key."""
    content = urlencode({name: value for name, value in form.items() if value is not None})
    headers = [("Content-Type", "application/x-www-form-urlencoded"), *(("DPoP", proof) for proof in proofs)]
    request = platform.client.build_request("POST", path, content=content, headers=headers)
    request.headers.pop("Authorization", None)
    return await platform.client.send(request)


async def code_client(platform: Platform, name: str = "App", **changes: Any) -> CodeClient:
    """Make an application's key that may use codes."""
    application = await platform.make_application(name)
    path = f"/store/v1/applications/{application['id']}/keys"
    body = {
        "key_type": "PRODUCTION",
        "grant_types": ["authorization_code", "refresh_token"],
        "callback_urls": [CALLBACK],
        "scopes": ["read", "write"],
        **changes,
    }
    made = await platform.made(path, body)
    return CodeClient(platform, made["consumer_key"], made["consumer_secret"], f"{path}/PRODUCTION")


def sealed_in(page: httpx.Response) -> str:
    found = re.search(r'name="request" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def answer_of(response: httpx.Response) -> dict[str, str]:
    """Return what the client is told, which must be ours."""
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    assert location.startswith(CALLBACK), location
    answer = dict(parse_qsl(urlsplit(location).query))
    assert parse_qs(urlsplit(location).query)["iss"] == [ISSUER]
    assert answer["state"] == "s & t"
    return answer
