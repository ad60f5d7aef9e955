"""What is reported of a comparison: figures with their spread, and ratios."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from benchmarks.harness.layout import table
from benchmarks.harness.pairs import Comparison
from benchmarks.harness.spread import Spread


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


S = TypeVar("S", bound=_Dataclass)

Notes = Mapping[str, Callable[[Sequence[S]], str]]


@dataclass(frozen=True)  # no slots: Python 3.11 sets an attribute on what is made of a generic
class Figure(Generic[S]):
    """Something that is measured: its name in JSON, its title in tables."""

    name: str
    title: str
    of: Callable[[S], float]


def as_json(comparison: Comparison[S], figures: Sequence[Figure[S]]) -> dict[str, object]:
    return {
        "figures": {
            figure.name: {name: comparison.spread(name, figure.of).rounded() for name in comparison.samples}
            for figure in figures
        },
        "ratios": [
            {
                "figure": figure.name,
                **asdict(pair),
                **Spread.of(values).rounded(),
                "pairs": [round(v, 3) for v in values],
            }
            for figure in figures
            for pair in comparison.pairs
            for values in [comparison.ratios(pair, figure.of)]
        ],
        "samples": {name: [asdict(one) for one in all_] for name, all_ in comparison.samples.items()},
    }


def as_table(comparison: Comparison[S], figures: Sequence[Figure[S]], notes: Notes[S] | None = None) -> str:
    """Lay out a row a proxy: the figures, notes on its samples, and the ratios of the subjects to it."""
    notes = notes or {}
    ratios = [(figure, subject) for figure in figures for subject in dict.fromkeys(p.subject for p in comparison.pairs)]
    head = ["", *(figure.title for figure in figures), *notes]
    head += [f"{subject} / it" + (f", {figure.title}" if len(figures) > 1 else "") for figure, subject in ratios]
    rows = []
    for name, samples in comparison.samples.items():
        spreads = [comparison.spread(name, figure.of) for figure in figures]
        row = [name, *(str(spread) if spread.median else "-" for spread in spreads)]
        row += [note(samples) for note in notes.values()]
        row += [_ratio(comparison, figure, subject, name) for figure, subject in ratios]
        rows.append(row)
    return table(head, rows)


def _ratio(comparison: Comparison[S], figure: Figure[S], subject: str, peer: str) -> str:
    for pair in comparison.pairs:
        if (pair.subject, pair.peer) == (subject, peer):
            return str(Spread.of(comparison.ratios(pair, figure.of)))
    return ""
