"""Framegate's data plane with a real Redis and a caller with a token: metered, and with no limit to meter.

Metered is what ordinary use costs: every message is checked, counted, and debited from a subscription's and an
application's limit, both so large that they are never reached.
"""

import http.client
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.util import find_spec

from joserfc.jwk import ECKey

from benchmarks.harness.machine import describe_framegate, printed
from benchmarks.harness.target import Peer, Site, Target
from benchmarks.peers.framegate_catalogue import PATH, publish, sign_token
from benchmarks.peers.process import python_module, running
from benchmarks.peers.redis_beside import redis_beside
from benchmarks.peers.watchers import collecting, scraping
from cli.network import free_port
from shared.limits import Limit

_METERED = (Limit(unit="messages", amount=10**12, window_seconds=60, direction="both"),)
_PURE = {"FRAMEGATE_PURE": "1"}
_CORE = "services.data_plane.frames.scanner"


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to run Framegate: under which limits, and with what else in its environment.

    With `seen`, all by which operators see it is on, or else off: metrics that are scraped, usage, logs, traces.
    """

    name: str
    limits: tuple[Limit, ...] = _METERED
    env: Mapping[str, str] = field(default_factory=dict)
    seen: bool | None = None


@contextmanager
def start(variant: Variant, site: Site) -> Iterator[Target]:
    with redis_beside(site.cores.load) as redis, collecting() if variant.seen else nullcontext("") as collector:
        key = publish(redis.url, variant.limits, site.backend_port)
        ports = {"port": free_port(), "tls-port": free_port(), "ops-port": free_port()}
        ready, env = partial(is_ready, ports["ops-port"]), _env(variant, site, redis.url, collector)
        with (
            running(variant.name, _command(variant, ports), site, ready, env) as pid,
            scraping(ports["ops-port"]) if variant.seen else nullcontext(),
        ):
            yield Target(
                variant.name,
                ports["tls-port" if site.certificate else "port"],
                site.log(variant.name),
                PATH,
                headers=(_authorization(key, "bench"),),
                new_headers=partial(_new_authorizations, key, itertools.count()),
                trusted=site.trusted,
                pids=(pid,),
                beside=(redis.pid,),
                questions=redis.questions,
            )


def is_compiled() -> bool:
    """Tell whether the frame core is there in compiled form."""
    spec = find_spec(_CORE)
    return spec is not None and spec.origin is not None and not spec.origin.endswith(".py")


def describe(variant: Variant) -> str:
    pure = variant.env == _PURE or not is_compiled()
    return f"{describe_framegate()}, {'pure Python' if pure else 'compiled'} core"


def _command(variant: Variant, ports: Mapping[str, int]) -> list[str]:
    options = {"host": "127.0.0.1", **ports}
    if _has_workers():
        options["workers"] = 1
    arguments = ("data-plane", *(f"--{key}={value}" for key, value in options.items()))
    return python_module("benchmarks.peers.unseen_framegate" if variant.seen is False else "cli.main", *arguments)


@cache
def _has_workers() -> bool:
    return "--workers" in printed(*python_module("cli.main", "data-plane", "--help"))


def _env(variant: Variant, site: Site, redis_url: str, collector: str) -> dict[str, str]:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "FRAMEGATE_REDIS_URL": redis_url,
        "FRAMEGATE_ENDPOINT_ALLOW": "127.0.0.0/8",
        "FRAMEGATE_DRAIN_SECONDS": "0",
        **variant.env,
    }
    if site.certificate:
        env["FRAMEGATE_TLS_CERT"] = str(site.certificate.certificate)
        env["FRAMEGATE_TLS_KEY"] = str(site.certificate.key)
    return env


def _authorization(key: ECKey, id_: str) -> str:
    return f"Authorization: Bearer {sign_token(key, id_)}"


def _new_authorizations(key: ECKey, ids: Iterator[int], count: int) -> list[str]:
    return [_authorization(key, f"bench-{id_}") for id_ in itertools.islice(ids, count)]


def is_ready(ops_port: int) -> bool:
    """Tell whether a plane says so itself."""
    connection = http.client.HTTPConnection("127.0.0.1", ops_port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _peer(variant: Variant) -> Peer:
    return Peer(variant.name, partial(start, variant), partial(describe, variant))


FRAMEGATE = _peer(Variant("framegate"))
FRAMEGATE_UNLIMITED = _peer(Variant("framegate-unlimited", limits=()))
FRAMEGATE_PURE = _peer(Variant("framegate-pure", env=_PURE))
FRAMEGATE_SEEN = _peer(Variant("framegate-seen", seen=True))
FRAMEGATE_UNSEEN = _peer(Variant("framegate-unseen", seen=False))
