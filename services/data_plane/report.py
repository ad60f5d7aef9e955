"""What a worker says of itself, and what the words of several come to."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from pydantic import BaseModel, ConfigDict

Sample = tuple[str, dict[str, str], float]

_GROWING: Final = frozenset({"counter", "histogram"})

_COMBINED: Final[Mapping[str, Callable[[Iterable[float]], float]]] = {
    "framegate_catalogue_revision": min,
    "framegate_catalogue_age_seconds": max,
    "framegate_catalogue_ahead": max,
    "framegate_catalogue_refused_objects": max,
    "framegate_event_loop_lag_seconds": max,
}
"""How the values of several workers become one, where that is not their sum."""


class Family(BaseModel):
    """A metric with its samples, as `prometheus_client` collects it."""

    model_config = ConfigDict(frozen=True)

    name: str
    documentation: str
    type: str
    samples: list[Sample]


class Report(BaseModel):
    """A worker's state. `reason` says why it is not ready, and is empty when it is.

    `answers` is false where somebody else says this of a worker that doesn't.
    """

    model_config = ConfigDict(frozen=True)

    reason: str = ""
    answers: bool = True
    revision: int | None = None
    digest: str | None = None
    age_seconds: float | None = None
    apis: int = 0
    refused: list[tuple[str, str]] = []
    metrics: list[Family] = []


def collect(registry: CollectorRegistry) -> list[Family]:
    """Return what is in a registry now."""
    return [
        Family(
            name=metric.name,
            documentation=metric.documentation,
            type=metric.type,
            samples=[(sample.name, dict(sample.labels), sample.value) for sample in metric.samples],
        )
        for metric in registry.collect()
    ]


def merge(parts: Iterable[Sequence[Family]]) -> list[Family]:
    """Return each metric once, with the values of all parts together."""
    families: dict[str, Family] = {}
    values: dict[str, dict[tuple[str, str], list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for family in (family for part in parts for family in part):
        families.setdefault(family.name, family)
        for sample in family.samples:
            values[family.name][sample[0], json.dumps(sample[1], sort_keys=True)].append(sample)
    return [
        family.model_copy(update={"samples": [_combine(name, same) for same in values[name].values()]})
        for name, family in families.items()
    ]


def growing(families: Iterable[Family]) -> list[Family]:
    """Return those whose values count what has been: they outlive the worker that counted."""
    return [family for family in families if family.type in _GROWING]


def render(families: Sequence[Family]) -> bytes:
    """Return metrics in Prometheus' text format."""
    return generate_latest(_Collected(families))


def _combine(name: str, same: Sequence[Sample]) -> Sample:
    combine = min if same[0][0].endswith("_created") else _COMBINED.get(name, sum)
    return same[0][0], same[0][1], combine(value for _, _, value in same)


class _Collected:
    """Families, as `generate_latest` asks for them."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.documentation, family.type)
            for name, labels, value in family.samples:
                metric.add_sample(name, labels, value)
            yield metric
