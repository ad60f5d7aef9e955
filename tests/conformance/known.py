"""What is known of Autobahn's verdicts, and whether a run bears it out."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.conformance.autobahn import Verdicts

Peer = Literal["aiohttp", "websockets"]

KNOWN = Path(__file__).with_name("known.toml")
PASSED = ("OK", "NON-STRICT", "INFORMATIONAL")


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of one peer, and of the cases that were run."""

    races: list[dict[str, Any]]
    differences: dict[str, dict[str, Any]]
    faults: set[str]

    def find_faults(self, direct: Verdicts, through: Verdicts) -> Iterator[str]:
        """Say what a run shows that isn't known, and what is known and not shown."""
        if direct.keys() != through.keys():
            yield f"not run on both: {sorted(direct.keys() ^ through.keys())}"
            return
        racing = {case for race in self.races for case in race["cases"]}
        for case in direct.keys() - racing:
            expected = self.differences.get(case, {"direct": direct[case], "through": direct[case]})
            if (direct[case], through[case]) != (expected["direct"], expected["through"]):
                yield f"{case}: {direct[case]} direct, {through[case]} through the gateway"
        for race in self.races:
            yield from _find_faults_of(race, direct, through)
        failed = {case for case, verdict in direct.items() if not verdict.startswith(PASSED)}
        if failed != self.faults:
            yield f"faults of the peer: {sorted(failed)}, and not {sorted(self.faults)}"


def expected_of(peer: Peer, cases: set[str]) -> Expected:
    """Return what is known of a peer in these cases. Every entry has a reason."""
    known = tomllib.loads(KNOWN.read_text(encoding="utf-8"))
    entries = {kind: [entry for entry in known[kind] if entry["peer"] == peer] for kind in known}
    assert all(entry["reason"] for kind in known for entry in known[kind])
    races = [{**race, "cases": [case for case in race["cases"] if case in cases]} for race in entries["race"]]
    return Expected(
        races=[race for race in races if race["cases"]],
        differences={entry["case"]: entry for entry in entries["difference"] if entry["case"] in cases},
        faults={case for entry in entries["fault"] for case in entry["cases"]} & cases,
    )


def _find_faults_of(race: dict[str, Any], direct: Verdicts, through: Verdicts) -> Iterator[str]:
    for case in race["cases"]:
        for where, verdict in (("direct", direct[case]), ("through", through[case])):
            if verdict not in race[where]:
                yield f"{case}: {verdict} {where}, and not one of {race[where]}"
    unseen = set(race["through"]) - set(race["direct"]) - {through[case] for case in race["cases"]}
    if unseen:
        yield f"{race['cases']}: never {sorted(unseen)} through the gateway"
