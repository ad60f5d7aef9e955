"""Signing in through an OpenID provider, with a real one on a loopback port."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import SecretStr
from sqlmodel import select

from services.control_plane.identity.models import Account, ExternalIdentity
from tests.integration.control_plane.oauth.browser import AUTHORIZE, CALLBACK, code_client
from tests.integration.control_plane.platform import CLIENT_ID as PIPELINE
from tests.integration.control_plane.platform import CLIENT_SECRET as PIPELINE_SECRET
from tests.integration.control_plane.platform import Platform, Start, on_sqlite, problem
from tests.integration.control_plane.portal.test_sign_in_router import COOKIE, USERS, browse, sign_in, submit, trail
from tests.support.forgery import sign
from tests.support.oidc import CLIENT_ID, CLIENT_SECRET, Forge, OidcProvider, oidc_provider

OIDC: Final = "/sign-in/oidc"
STRANGER: Final = ECKey.generate_key("P-256", {"kid": "one"})


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with oidc_provider() as running:
        yield running


@pytest.fixture
def start(started: Start, provider: OidcProvider) -> Start:
    """Return how to run a control plane that people reach through the provider."""
    client = {"oidc_client_id": CLIENT_ID, "oidc_client_secret": SecretStr(CLIENT_SECRET)}
    return lambda **changes: started(**{"oidc_issuer": provider.issuer, **client, **changes})


@pytest.fixture
async def platform(start: Start) -> AsyncIterator[Platform]:
    async with start() as platform:
        await platform.sign_in(PIPELINE, PIPELINE_SECRET)
        yield platform


@pytest.fixture
async def browser(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(platform) as client:
        yield client


async def go_out(browser: httpx.AsyncClient, to: str = "/account") -> str:
    """Return where a browser is sent to sign in."""
    response = await browser.get(OIDC, params={"next": to})
    assert response.status_code == 303, response.text
    return str(response.headers["location"])


async def visit(place: str) -> str:
    """Return where the provider sends a browser back to."""
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(place)
    assert response.status_code == 302, response.text
    parts = urlsplit(response.headers["location"])
    return f"{parts.path}?{parts.query}"


async def sign_in_there(browser: httpx.AsyncClient, to: str = "/account") -> httpx.Response:
    return await browser.get(await visit(await go_out(browser, to)))


async def roles_of(platform: Platform, name: str) -> list[str]:
    (user,) = (await platform.read(USERS, q=name))["items"]
    roles: list[str] = user["roles"]
    return roles


async def test_the_first_sign_in_makes_an_account_and_the_next_ones_find_it(
    browser: httpx.AsyncClient, platform: Platform, provider: OidcProvider
) -> None:
    page = await browser.get("/sign-in", params={"next": "/account?x=1"})
    assert f'href="{OIDC}?next=%2Faccount%3Fx%3D1"' in page.text
    signed_in = await sign_in_there(browser, "/account?x=1")
    assert signed_in.headers["location"] == "/account?x=1"
    assert "<h1>maria</h1>" in (await browser.get("/account")).text
    assert await roles_of(platform, "maria") == ["subscriber"]
    provider.user |= {"preferred_username": "another", "email": "admin@example.com"}
    async with browse(platform) as other:
        await sign_in_there(other)
        assert "<h1>maria</h1>" in (await other.get("/account")).text
    with platform.database.reading() as session:
        (link,) = session.exec(select(ExternalIdentity)).all()
    assert (link.issuer, link.subject) == (provider.issuer, "4711")
    assert trail(platform) == [("sign_in", "maria", "maria")] * 2


async def test_an_account_is_never_linked_by_its_name(
    browser: httpx.AsyncClient, platform: Platform, provider: OidcProvider
) -> None:
    for name in ("maria", "Maria@example.com"):
        await platform.made(USERS, {"name": name, "password": "a password of her own"})
    await sign_in_there(browser)
    assert "<h1>maria-2</h1>" in (await browser.get("/account")).text
    provider.user = {"sub": "another", "email": "maria@example.com"}
    await sign_in_there(browser)
    assert "<h1>maria@example.com-2</h1>" in (await browser.get("/account")).text
    provider.user = {"sub": "a third", "preferred_username": "\n", "email": ["maria"]}
    await sign_in_there(browser)
    assert "<h1>a third</h1>" in (await browser.get("/account")).text
    assert (await sign_in(browser, username="maria-2", password="")).status_code == 403


@pytest.mark.parametrize("said", [["publisher", "creator", "nobody knows it", 1], "publisher creator other"])
async def test_the_provider_may_say_which_roles_people_have(
    start: Start, provider: OidcProvider, said: list[str] | str
) -> None:
    async with start(oidc_roles_claim="groups") as platform, browse(platform) as browser:
        await platform.sign_in(PIPELINE, PIPELINE_SECRET)
        provider.user["groups"] = said
        await sign_in_there(browser)
        assert await roles_of(platform, "maria") == ["creator", "publisher"]
        provider.user["groups"] = ["creator"]
        await sign_in_there(browser)
        assert await roles_of(platform, "maria") == ["creator"]
        del provider.user["groups"]
        await sign_in_there(browser)
        assert await roles_of(platform, "maria") == []


async def test_the_last_administrator_stays_one(start: Start, provider: OidcProvider) -> None:
    async with start(oidc_roles_claim="groups") as platform, browse(platform) as browser:
        await platform.sign_in(PIPELINE, PIPELINE_SECRET)
        provider.user["groups"] = ["admin"]
        await sign_in_there(browser)
        (first,) = (await platform.read(USERS, q="admin"))["items"]
        assert (await platform.client.delete(f"{USERS}/{first['id']}")).status_code == 204
        provider.user["groups"] = []
        refused = await sign_in_there(browser)
        assert refused.status_code == 409
        assert "Nobody would be left" in refused.text
        assert await roles_of(platform, "maria") == ["admin"]


async def test_roles_that_an_administrator_gives_stay_where_the_provider_says_none(
    browser: httpx.AsyncClient, platform: Platform
) -> None:
    await sign_in_there(browser)
    (user,) = (await platform.read(USERS, q="maria"))["items"]
    await platform.client.patch(f"{USERS}/{user['id']}", json={"roles": ["publisher"]})
    await sign_in_there(browser)
    assert await roles_of(platform, "maria") == ["publisher"]


async def test_who_is_disabled_is_not_let_in(browser: httpx.AsyncClient, platform: Platform) -> None:
    await sign_in_there(browser)
    (user,) = (await platform.read(USERS, q="maria"))["items"]
    await platform.client.patch(f"{USERS}/{user['id']}", json={"disabled": True})
    refused = await sign_in_there(browser)
    assert refused.status_code == 403
    assert (await browser.get("/account")).status_code == 303
    assert trail(platform)[-1] == ("sign_in.fail", "anonymous", "maria")


def signed(key: ECKey, header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, key)


def parts(*objects: dict[str, Any]) -> str:
    return ".".join(urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in objects)


def with_claims(**changes: Any) -> Any:
    """Return how a provider says something else, and signs it."""
    return lambda key: lambda header, claims: signed(key, header, claims | changes)


def hashed(key: ECKey) -> Forge:
    """Return how to sign with the public key as if it were a secret."""

    def forge(header: dict[str, Any], claims: dict[str, Any]) -> str:
        body = parts({**header, "alg": "HS256"}, claims)
        digest = hmac.digest(key.as_pem(private=False), body.encode(), "sha256")
        return f"{body}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    return forge


FORGERIES: Final[dict[str, Any]] = {
    "alg none": lambda key: lambda header, claims: parts({**header, "alg": "none"}, claims) + ".",
    "a public key as a secret": hashed,
    "a stranger's key": lambda key: lambda header, claims: signed(STRANGER, header, claims),
    "a key that it brings": lambda key: (
        lambda header, claims: signed(STRANGER, {**header, "jwk": STRANGER.as_dict(private=False)}, claims)
    ),
    "an unknown critical header": lambda key: (
        lambda header, claims: sign(json.dumps({**header, "crit": ["new"], "new": 1}), json.dumps(claims), key)
    ),
    "no JWT": lambda key: lambda header, claims: "x",
    "too long": with_claims(padding="x" * 9000),
    "another audience": with_claims(aud="another"),
    "an audience that begins like ours": with_claims(aud=[f"{CLIENT_ID}-2"]),
    "several audiences and no party": with_claims(aud=[CLIENT_ID, "another"]),
    "another party": with_claims(azp="another"),
    "no audience": with_claims(aud=None),
    "another nonce": with_claims(nonce="another"),
    "no nonce": with_claims(nonce=None),
    "another issuer": with_claims(iss="http://127.0.0.1:9"),
    "no issuer": with_claims(iss=None),
    "expired": with_claims(exp=int(time.time()) - 60),  # noqa: TID251 - the provider's own clock
    "no expiry": with_claims(exp=None),
    "issued long ago": with_claims(iat=1),
    "from the future": with_claims(iat=2**40),
    "not valid yet": with_claims(nbf=2**40),
    "no subject": with_claims(sub=None),
    "an empty subject": with_claims(sub=""),
    "a subject that is no text": with_claims(sub=1),
}


@pytest.mark.parametrize("forgery", FORGERIES)
@on_sqlite
async def test_a_forged_token_signs_nobody_in(
    browser: httpx.AsyncClient, platform: Platform, provider: OidcProvider, forgery: str
) -> None:
    provider.forge = FORGERIES[forgery](provider.key)
    refused = await sign_in_there(browser)
    assert refused.status_code == 502
    assert "did not say who you are" in refused.text
    assert COOKIE not in browser.cookies
    with platform.database.reading() as session:
        assert [account.name for account in session.exec(select(Account).where(Account.kind == "person"))] == ["admin"]


@on_sqlite
async def test_several_audiences_are_good_where_the_token_is_ours(
    browser: httpx.AsyncClient, provider: OidcProvider
) -> None:
    provider.forge = with_claims(aud=[CLIENT_ID, "another"], azp=CLIENT_ID)(provider.key)
    assert (await sign_in_there(browser)).status_code == 303


@on_sqlite
async def test_an_answer_is_for_the_browser_that_asked_and_once(
    browser: httpx.AsyncClient, platform: Platform, provider: OidcProvider
) -> None:
    back = await visit(await go_out(browser))
    async with browse(platform) as other:
        assert (await other.get(back)).status_code == 400
        await go_out(other)
        assert (await other.get(back)).status_code == 400
    assert (await browser.get(back.replace("state=", "state=x"))).status_code == 400
    assert (await browser.get(f"{back}&state=x")).status_code == 400
    assert (await browser.get(urlsplit(back).path)).status_code == 400
    assert "/token" not in provider.asked
    assert (await browser.get(back)).status_code == 303
    assert (await browser.get(back)).status_code == 400


@on_sqlite
async def test_an_answer_comes_within_ten_minutes(browser: httpx.AsyncClient, platform: Platform) -> None:
    back = await visit(await go_out(browser))
    platform.clock.move(minutes=11)
    assert (await browser.get(back)).status_code == 400


@on_sqlite
async def test_a_code_of_another_sign_in_is_of_no_use(browser: httpx.AsyncClient, platform: Platform) -> None:
    async with browse(platform) as thief:
        stolen = parse_qs(urlsplit(await visit(await go_out(browser))).query)["code"][0]
        own = parse_qs(urlsplit(await go_out(thief)).query)["state"][0]
        answer = await thief.get(f"{OIDC}/callback", params={"code": stolen, "state": own})
        assert answer.status_code == 502
        assert COOKIE not in thief.cookies


@pytest.mark.parametrize(
    ("answer", "announced", "status"),
    [
        ({"iss": "http://127.0.0.1:9"}, False, 502),
        ({"iss": "http://127.0.0.1:9"}, True, 502),
        ({}, True, 502),
        ({}, False, 303),
    ],
    ids=["another", "another, announced", "none though announced", "none"],
)
@on_sqlite
async def test_another_server_s_answer_is_not_taken_for_the_provider_s(
    browser: httpx.AsyncClient, provider: OidcProvider, answer: dict[str, str], announced: bool, status: int
) -> None:
    provider.metadata["authorization_response_iss_parameter_supported"] = announced
    back = await visit(await go_out(browser))
    assert (await browser.get(f"{back}&{urlencode(answer)}" if answer else back)).status_code == status


@on_sqlite
async def test_an_error_of_the_provider_is_told(browser: httpx.AsyncClient) -> None:
    state = parse_qs(urlsplit(await go_out(browser)).query)["state"][0]
    answer = await browser.get(f"{OIDC}/callback", params={"error": "access_denied", "state": state})
    assert answer.status_code == 502


@on_sqlite
async def test_a_key_that_is_new_is_looked_up_and_others_are_kept(
    browser: httpx.AsyncClient, provider: OidcProvider
) -> None:
    for _ in range(2):
        assert (await sign_in_there(browser)).status_code == 303
    assert provider.asked.count("/keys") == 1
    provider.key = ECKey.generate_key("P-256", {"kid": "two"})
    assert (await sign_in_there(browser)).status_code == 303
    assert provider.asked.count("/keys") == 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


@on_sqlite
async def test_the_secret_goes_where_the_provider_wants_it(browser: httpx.AsyncClient, provider: OidcProvider) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert (await sign_in_there(browser)).status_code == 303


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "http://127.0.0.1:9"},
        {"authorization_endpoint": "http://provider.example.com/authorize"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"padding": "x" * 300_000},
    ],
    ids=["another issuer", "plain http", "no token endpoint", "a file", "too much"],
)
@on_sqlite
async def test_a_provider_that_describes_itself_badly(
    browser: httpx.AsyncClient, provider: OidcProvider, metadata: dict[str, Any]
) -> None:
    provider.metadata |= metadata
    assert (await browser.get(OIDC)).status_code == 502


@on_sqlite
async def test_a_provider_that_is_away(start: Start) -> None:
    async with start(oidc_issuer="http://127.0.0.1:9") as platform, browse(platform) as browser:
        assert (await browser.get(OIDC)).status_code == 502
        assert (await sign_in(browser)).status_code == 303


@on_sqlite
async def test_cookies_are_this_host_s_alone_where_there_is_tls(start: Start) -> None:
    async with start(public_url="https://cp.example.com") as platform, browse(platform) as browser:
        browser.base_url = httpx.URL("https://cp.example.com")
        cookie = (await browser.get(OIDC)).headers["set-cookie"]
    assert cookie.startswith("__Host-framegate_oidc=")
    assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))


@on_sqlite
async def test_signing_in_there_leads_nowhere_else(browser: httpx.AsyncClient) -> None:
    assert (await sign_in_there(browser, "//evil.example.com")).headers["location"] == "/account"


async def test_who_is_asked_for_consent_may_sign_in_there(browser: httpx.AsyncClient, platform: Platform) -> None:
    client = await code_client(platform)
    page = await browser.get(AUTHORIZE, params=client.request)
    links = [part.split('"')[0] for part in page.text.split('href="')[1:]]
    (way,) = [link for link in links if link.startswith(OIDC)]
    place = parse_qs(urlsplit(way).query)["next"][0]
    back = await sign_in_there(browser, place)
    page = await browser.get(back.headers["location"])
    assert "You are signed in as <strong>maria</strong>" in page.text
    allowed = await submit(browser, AUTHORIZE, page, decision="allow")
    assert allowed.headers["location"].startswith(CALLBACK)


@on_sqlite
async def test_without_a_provider_there_is_no_such_door(started: Start) -> None:
    async with started() as platform, browse(platform) as browser:
        problem(await browser.get(OIDC), 404, "not_found")
        problem(await browser.get(f"{OIDC}/callback"), 404, "not_found")
        assert OIDC not in (await browser.get("/sign-in")).text
