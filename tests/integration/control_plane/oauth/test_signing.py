"""Signing keys: made, rotated, kept as long as their tokens, and forgotten."""

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from joserfc import jwt
from joserfc.jwk import ECKey
from joserfc.jws import extract_compact
from redis import Redis

from services.control_plane.kit import audit
from services.control_plane.oauth import repository
from services.control_plane.oauth.keyring import KeyRing
from services.control_plane.oauth.signing import IssuerService
from shared import keys
from shared.claims import GATEWAY_AUDIENCE, TokenVerifier
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, Start, on_sqlite, problem

KEYS = "/admin/v1/signing-keys"
YEAR = 365 * 24 * 3600


async def rotate(platform: Platform) -> dict[str, Any]:
    platform.clock.move(seconds=31)
    return await platform.made(f"{KEYS}/rotate", {}, 200)


async def states(platform: Platform, purpose: str = "token") -> dict[str, str]:
    listed = (await platform.read(KEYS))["items"]
    return {key["state"]: key["kid"] for key in listed if key["purpose"] == purpose}


async def published(platform: Platform) -> set[str]:
    return {key["kid"] for key in (await platform.read("/oauth2/jwks"))["keys"]}


def told(platform: Platform, redis: Redis) -> set[str]:
    """Return the keys that the pods have."""
    (definition,) = platform.catalogue(redis)["issuer"].values()
    return {key["kid"] for key in json.loads(definition)["keys"]}


def sweep(platform: Platform) -> None:
    with platform.database.writing() as session:
        platform.get(IssuerService).sweep(session)


async def test_a_rotation_overlaps(platform: Platform, redis_client: Redis) -> None:
    before = await states(platform)
    assert before.keys() == {"next", "current"}
    asserting = await states(platform, "assertion")
    assert told(platform, redis_client) == set(before.values())
    assert await published(platform) == {*before.values(), *asserting.values()}
    made = await rotate(platform)
    after = await states(platform)
    assert made["kid"] == after["current"] == before["next"]
    assert after["retired"] == before["current"]
    assert after["next"] not in before.values()
    asserting = await states(platform, "assertion")
    assert told(platform, redis_client) == set(after.values())
    assert await published(platform) == {*after.values(), *asserting.values()}
    assert await platform.read("/admin/v1/policies", limit=1)  # a token of the retired key is still good
    token = await platform.fetch_token(CLIENT_ID, CLIENT_SECRET)
    assert kid_of(token) == after["current"]


async def test_a_rotation_that_is_not_committed_changes_nothing(platform: Platform) -> None:
    before = await states(platform)
    platform.clock.move(seconds=31)
    signing = platform.get(IssuerService)
    with platform.database.session(writes=True) as session:
        audit.begin(session, audit.AuditContext(audit.SYSTEM, "", platform.clock))
        rotated = signing.rotate(session)
        assert rotated.id == before["next"]
        keyring = platform.get(KeyRing)
        assert keyring.current.kid == before["current"]
        assert {key.kid for key in keyring.public.keys} == set(before.values())
    assert await states(platform) == before
    assert kid_of(await platform.fetch_token(CLIENT_ID, CLIENT_SECRET)) == before["current"]
    await rotate(platform)
    assert kid_of(await platform.fetch_token(CLIENT_ID, CLIENT_SECRET)) == before["next"]


async def test_a_key_is_kept_until_its_last_token_has_expired(platform: Platform, redis_client: Redis) -> None:
    application = await platform.make_application()
    path = f"/store/v1/applications/{application['id']}/keys"
    await platform.made(path, {"key_type": "PRODUCTION", "validity_seconds": 60})
    long = await platform.made(f"{path}/PRODUCTION/token", {"validity_seconds": YEAR}, 200)
    old = (await states(platform))["current"]
    await rotate(platform)
    platform.clock.move(seconds=YEAR - 60)
    sweep(platform)
    await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
    assert old in told(platform, redis_client)
    issuer = platform.settings.public_url
    verifier = TokenVerifier(issuer, GATEWAY_AUDIENCE, platform.get(IssuerService)._keyring.public)
    assert verifier.verify(long["access_token"], platform.clock().timestamp()).exp
    platform.clock.move(seconds=120)
    sweep(platform)
    assert old not in told(platform, redis_client)
    assert old not in await published(platform)


@on_sqlite
async def test_a_later_key_is_kept_for_what_clients_still_get(platform: Platform) -> None:
    application = await platform.make_application()
    path = f"/store/v1/applications/{application['id']}/keys"
    await platform.made(path, {"key_type": "PRODUCTION", "validity_seconds": 7200})
    for _ in range(2):
        await rotate(platform)
    with platform.database.reading() as session:
        found = repository.keys_for("token", repository.list_keys(session))
        assert {key.longest_validity_seconds for key in found} == {7200}


async def test_a_rotation_waits_for_the_pods(platform: Platform) -> None:
    await rotate(platform)
    problem(await platform.client.post(f"{KEYS}/rotate"), 409, "conflict")
    platform.clock.move(seconds=31)
    assert (await platform.client.post(f"{KEYS}/rotate")).status_code == 200


async def test_a_retired_key_can_go_before_its_time(platform: Platform, redis_client: Redis) -> None:
    old = await states(platform)
    for kid in old.values():
        problem(await platform.client.delete(f"{KEYS}/{kid}"), 409, "conflict")
    problem(await platform.client.delete(f"{KEYS}/nobody"), 404, "not_found")
    await rotate(platform)
    assert (await platform.client.delete(f"{KEYS}/{old['current']}")).status_code == 204
    problem(await platform.client.get(KEYS), 401, "unauthorized")  # our token was signed by it
    await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
    assert old["current"] not in told(platform, redis_client) | await published(platform)


@on_sqlite
async def test_only_administrators_see_and_rotate(platform: Platform) -> None:
    async with platform.account("publisher", "publisher:write") as client:
        problem(await client.get(KEYS), 403, "insufficient_scope")
        problem(await client.post(f"{KEYS}/rotate"), 403, "insufficient_scope")
    platform.client.headers.pop("Authorization")
    problem(await platform.client.get(KEYS), 401, "unauthorized")


@on_sqlite
@pytest.mark.parametrize(("algorithm", "name"), [("RS256", "RS256"), ("EdDSA", "Ed25519")])
async def test_another_algorithm_begins_at_the_next_rotation(started: Start, algorithm: str, name: str) -> None:
    async with started() as platform:
        token = await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
    async with started(signing_algorithm=algorithm) as platform:
        platform.client.headers["Authorization"] = f"Bearer {token}"
        listed = (await platform.read(KEYS))["items"]
        assert {(key["purpose"], key["state"]): key["algorithm"] for key in listed} == {
            ("token", "current"): "ES256",
            ("token", "next"): name,
            ("assertion", "current"): "ES256",
            ("assertion", "next"): "ES256",
        }
        await rotate(platform)
        assert await platform.sign_in(CLIENT_ID, CLIENT_SECRET) != token
        assert await platform.read(KEYS)


@on_sqlite
async def test_private_keys_are_sealed(platform: Platform) -> None:
    with platform.database.reading() as session:
        for key in repository.list_keys(session):
            assert '"d"' not in key.public_jwk + key.sealed_private_jwk
    assert '"d"' not in json.dumps(await platform.read(KEYS))


def told_to_sign_with(platform: Platform, redis: Redis) -> ECKey:
    """Return the key that pods sign assertions with, as one of them opens it."""
    (definition,) = platform.catalogue(redis)["issuer"].values()
    unsealing = redis.get(keys.CATALOGUE_KEY)
    return ECKey.import_key(json.loads(Fernet(str(unsealing)).decrypt(json.loads(definition)["sealed_assertion_key"])))


async def test_pods_are_given_a_key_for_assertions_that_no_access_token_is_good_by(
    platform: Platform, redis_client: Redis
) -> None:
    before = await states(platform, "assertion")
    key = told_to_sign_with(platform, redis_client)
    assert key.kid == before["current"]
    assert key.is_private
    (published_key,) = [jwk for jwk in (await platform.read("/oauth2/jwks"))["keys"] if jwk["kid"] == key.kid]
    assert published_key == key.as_dict(private=False)
    token = platform.client.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, platform.get(KeyRing).public).claims
    forged = jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}, claims, key)
    refused = await platform.client.get(KEYS, headers={"Authorization": f"Bearer {forged}"})
    problem(refused, 401, "unauthorized")


async def test_keys_for_assertions_rotate_with_the_others_and_stay_a_day(
    platform: Platform, redis_client: Redis
) -> None:
    before = await states(platform, "assertion")
    await rotate(platform)
    after = await states(platform, "assertion")
    assert (after["current"], after["retired"]) == (before["next"], before["current"])
    assert told_to_sign_with(platform, redis_client).kid == after["current"]
    platform.clock.move(hours=24)
    sweep(platform)
    assert after["retired"] in await published(platform)
    platform.clock.move(minutes=2)
    sweep(platform)
    assert after["retired"] not in await published(platform)


@on_sqlite
async def test_a_restart_tells_the_pods_nothing_new(started: Start, redis_client: Redis) -> None:
    async with started() as platform:
        before = platform.catalogue(redis_client)["issuer"]
    async with started() as platform:
        assert platform.catalogue(redis_client)["issuer"] == before


def kid_of(token: str) -> str:
    return str(extract_compact(token.encode()).headers()["kid"])
