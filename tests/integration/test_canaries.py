"""That the look for secrets would find one: each is planted where it may not stand."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey
from redis import Redis
from sqlalchemy import create_engine, text

from tests.support.canaries import Canaries, check_nothing_leaked, dump_database, dump_redis

SECRET = "fgs_a-secret+of/256=bits"
PEM = ECKey.generate_key("P-256").as_pem(private=True).decode()


@pytest.fixture
def canaries() -> Canaries:
    canaries = Canaries()
    canaries.add(planted=SECRET)
    return canaries


@pytest.mark.parametrize(
    "stored", [SECRET, f"Basic {SECRET}", SECRET.encode().hex(), "ZmdzX2Etc2VjcmV0K29mLzI1Nj1iaXRz"]
)
def test_a_secret_in_a_table_is_found(canaries: Canaries, database_url: str, stored: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE anything (id INTEGER PRIMARY KEY, note TEXT)"))
        connection.execute(text("INSERT INTO anything VALUES (1, 'harmless')"))
    check_nothing_leaked(canaries, {"database": dump_database(engine)})
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO anything VALUES (2, :stored)"), {"stored": stored})
    with pytest.raises(AssertionError, match=r"'database': \['planted'\]"):
        check_nothing_leaked(canaries, {"database": dump_database(engine)})
    engine.dispose()


@pytest.mark.parametrize(
    "plant",
    [
        lambda redis: redis.set("key", SECRET),
        lambda redis: redis.set(f"key:{SECRET}", "harmless"),
        lambda redis: redis.hset("key", "field", SECRET),
        lambda redis: redis.hset("key", SECRET, "harmless"),
        lambda redis: redis.rpush("key", "harmless", SECRET),
        lambda redis: redis.sadd("key", "harmless", SECRET),
        lambda redis: redis.zadd("key", {"harmless": 1, SECRET: 2}),
        lambda redis: redis.xadd("key", {"field": SECRET}),
    ],
)
def test_a_secret_in_redis_is_found(canaries: Canaries, redis_url: str, plant: Callable[[Redis], object]) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.set("other", "harmless")
        check_nothing_leaked(canaries, {"Redis": dump_redis(redis_url)})
        plant(redis)
    with pytest.raises(AssertionError, match="planted"):
        check_nothing_leaked(canaries, {"Redis": dump_redis(redis_url)})


@pytest.mark.parametrize(
    "logged",
    [
        PEM,
        json.dumps(ECKey.generate_key("P-256").as_dict(private=True)),
        repr(ECKey.generate_key("P-256").as_dict(private=True)),
        str([ECKey.generate_key("P-256").as_dict(private=True)]).replace("'", '\\"'),
    ],
)
def test_a_private_key_is_found_that_no_client_saw(logged: str) -> None:
    with pytest.raises(AssertionError, match="private key"):
        check_nothing_leaked(Canaries(), {"log": logged})
    check_nothing_leaked(Canaries(), {"log": str(ECKey.generate_key("P-256").as_dict(private=False))})


async def test_what_clients_send_and_get_is_noted() -> None:
    canaries = Canaries()

    def answer(_: httpx.Request) -> httpx.Response:
        body = {"id": "not a secret at all", "token": {"access_token": "an access token of theirs"}}
        return httpx.Response(200, json=body, headers={"Location": "https://app/?code=a-code-for-a-token-or-two"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), event_hooks=canaries.hooks) as client:
        await client.post("http://x/", data={"password": "a password of a person"}, auth=("me", "a secret of a client"))
        headers = {"Authorization": "Bearer a-bearer-token-of-mine"}
        nested = {"backend_credentials": {"headers": {"X-Key": "a key of a backend"}}, "name": "a name that is long"}
        await client.post("http://x/", json=nested, headers=headers)
    secrets = (
        "an access token of theirs",
        "a-code-for-a-token-or-two",
        "a password of a person",
        "a secret of a client",
    )
    for secret in (*secrets, "a-bearer-token-of-mine", "a key of a backend"):
        assert canaries.found_in(f"... {secret} ..."), secret
    assert len(canaries) == 6


async def test_a_loud_process_logs_everything(tmp_path: Path) -> None:
    loud = Path(__file__).parents[1] / "support" / "loud"
    code = "import logging; logging.getLogger('x').debug('heard')"
    process = await asyncio.create_subprocess_exec(
        "python3", "-c", code, env={"PYTHONPATH": str(loud), "PATH": "/usr/bin:/bin"}, stderr=asyncio.subprocess.PIPE
    )
    assert b"heard" in (await asyncio.wait_for(process.communicate(), 20))[1]
