import psycopg
import pytest
import redis
import sqlalchemy

from tests.support.waiting import eventually, wait_until


@pytest.mark.parametrize("_run", [1, 2])
def test_redis_is_empty_for_each_test(redis_url: str, _run: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


@pytest.mark.parametrize("_run", [1, 2])
def test_the_database_is_empty_for_each_test(database_url: str, _run: int) -> None:
    engine = sqlalchemy.create_engine(database_url)
    assert sqlalchemy.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE left_behind (id integer)"))
    engine.dispose()


def test_a_database_goes_even_with_a_connection_left_open(postgresql_url: str, request: pytest.FixtureRequest) -> None:
    connection = psycopg.connect(postgresql_url.replace("+psycopg", ""))
    request.addfinalizer(connection.close)


async def test_eventually_takes_plain_and_async_predicates() -> None:
    answers = iter([0, None, 3, 0, 4])

    async def predicate() -> int | None:
        return next(answers)

    assert await eventually(predicate) == 3
    assert await eventually(lambda: next(answers)) == 4
    nothing: list[int] = []
    with pytest.raises(AssertionError, match=r"not within 0.05 s.*nothing"):
        await eventually(lambda: nothing, within=0.05)


def test_wait_until_is_eventually_without_async() -> None:
    answers = iter([0, None, 3])
    assert wait_until(lambda: next(answers)) == 3
    with pytest.raises(AssertionError, match="not within"):
        wait_until(lambda: False, within=0.05)
