"""The comparison itself: strict both ways."""

from tests.conformance.autobahn import Verdicts
from tests.conformance.known import Expected

GOOD, LOOSE, BAD = "OK, OK, 1000", "NON-STRICT, OK, 1000", "FAILED, WRONG CODE, 1000"


def said(expected: Expected, direct: Verdicts, through: Verdicts) -> list[str]:
    return list(expected.find_faults(direct, through))


def test_the_same_verdicts_are_no_fault_and_others_are() -> None:
    nothing = Expected([], {}, set())
    assert said(nothing, {"1.1": GOOD}, {"1.1": GOOD}) == []
    assert said(nothing, {"1.1": GOOD}, {"1.1": LOOSE}) == [f"1.1: {GOOD} direct, {LOOSE} through the gateway"]
    assert said(nothing, {"1.1": GOOD}, {}) == ["not run on both: ['1.1']"]


def test_a_known_difference_has_to_be_there() -> None:
    known = Expected([], {"1.1": {"direct": GOOD, "through": LOOSE}}, set())
    assert said(known, {"1.1": GOOD}, {"1.1": LOOSE}) == []
    assert said(known, {"1.1": GOOD}, {"1.1": GOOD})
    assert said(known, {"1.1": LOOSE}, {"1.1": LOOSE})


def test_a_known_fault_has_to_be_there() -> None:
    assert said(Expected([], {}, {"1.1"}), {"1.1": BAD}, {"1.1": BAD}) == []
    assert said(Expected([], {}, {"1.1"}), {"1.1": GOOD}, {"1.1": GOOD})
    assert said(Expected([], {}, set()), {"1.1": BAD}, {"1.1": BAD})


def test_a_race_goes_either_way_but_somewhere_the_other_way() -> None:
    race = Expected([{"cases": ["1.1", "1.2"], "direct": [GOOD], "through": [GOOD, LOOSE]}], {}, set())
    assert said(race, {"1.1": GOOD, "1.2": GOOD}, {"1.1": LOOSE, "1.2": GOOD}) == []
    assert said(race, {"1.1": GOOD, "1.2": GOOD}, {"1.1": GOOD, "1.2": GOOD})
    assert said(race, {"1.1": LOOSE, "1.2": GOOD}, {"1.1": LOOSE, "1.2": GOOD})
