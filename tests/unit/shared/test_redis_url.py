import pytest

from shared.redis_url import ClusterUrl, SentinelUrl, read_redis_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://user:p%40ss@[::1]:6379/3",
        "rediss://redis.example.com?ssl_ca_certs=/ca.pem",
        "unix:///run/redis.sock?db=2",
    ],
)
def test_what_names_a_redis_is_left_to_its_client(url: str) -> None:
    assert read_redis_url(url) is None


def test_sentinels_are_read() -> None:
    found = read_redis_url(
        "rediss+sentinel://me:p%40ss@a:1,[::1]:2,c/main/3?ssl_ca_certs=/ca.pem&sentinel_password=s%3As"
    )
    assert isinstance(found, SentinelUrl)
    assert found.sentinels == (("a", 1), ("::1", 2), ("c", 26379))
    assert found.service == "main"
    assert found.asking == {"ssl": True, "ssl_ca_certs": "/ca.pem", "password": "s:s"}
    assert found.options == {
        "ssl": True,
        "ssl_ca_certs": "/ca.pem",
        "db": 3,
        "username": "me",
        "password": "p@ss",
    }
    assert "p@ss" not in repr(found)


def test_the_nodes_of_a_cluster_are_read() -> None:
    found = read_redis_url("rediss+cluster://me:p%40ss@a:1,[::1],c?ssl_ca_certs=/ca.pem")
    assert isinstance(found, ClusterUrl)
    assert found.nodes == (("a", 1), ("::1", 6379), ("c", 6379))
    assert found.options == {"ssl": True, "ssl_ca_certs": "/ca.pem", "username": "me", "password": "p@ss"}
    assert "p@ss" not in repr(found)
    assert read_redis_url("redis+cluster://a/0") == ClusterUrl((("a", 6379),), {"username": None, "password": None})


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://hidden@x", "must be a URL of redis://"),
        ("redis://me:hidden/x@host", "percent-encode"),
        ("redis://me:hidden#x@host", "percent-encode"),
        ("redis://me:hidden[@host", "percent-encode"),
        ("redis://host/hidden", "a number as its database"),
        ("redis://:hidden@/0", "must name a host"),
        ("rediss://:hidden@host?ssl_cert_reqs=none", "ssl_ca_certs"),
        ("redis://:hidden@host?ssl_ca_certs=/ca.pem", "has a parameter"),
        ("redis+cluster://:hidden@host:1/1", "one database"),
        ("redis+cluster://:hidden@host:1?db=0", "takes none"),
        ("redis+cluster://:hidden@host:1,", "must name a host"),
        ("redis+sentinel://:hidden@host:1", "must name the sentinels' service"),
        ("redis+sentinel://:hidden@host:1,/main", "must name a host"),
        ("redis+sentinel://:hidden@host:1,host:99999/main", "a port"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_redis_url(url)
    assert "hidden" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
