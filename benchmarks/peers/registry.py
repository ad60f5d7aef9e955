"""All peers by their names."""

from benchmarks.peers.asking_aiohttp import ASKING_AIOHTTP
from benchmarks.peers.framegate import (
    FRAMEGATE,
    FRAMEGATE_PURE,
    FRAMEGATE_SEEN,
    FRAMEGATE_UNLIMITED,
    FRAMEGATE_UNSEEN,
)
from benchmarks.peers.haproxy import HAPROXY, HAPROXY_64K
from benchmarks.peers.nginx import NGINX, NGINX_64K
from benchmarks.peers.plain_aiohttp import PLAIN_AIOHTTP

PEERS = {
    peer.name: peer
    for peer in (
        FRAMEGATE,
        FRAMEGATE_PURE,
        FRAMEGATE_UNLIMITED,
        FRAMEGATE_SEEN,
        FRAMEGATE_UNSEEN,
        NGINX,
        NGINX_64K,
        HAPROXY,
        HAPROXY_64K,
        PLAIN_AIOHTTP,
        ASKING_AIOHTTP,
    )
}
