import pytest

from services.control_plane.kit.problems import ProblemError, declare
from shared.problems import MEDIA_TYPE, PROBLEMS


def subclasses(kind: type[ProblemError]) -> set[type[ProblemError]]:
    return {kind, *(deeper for found in kind.__subclasses__() for deeper in subclasses(found))}


def test_every_error_stands_in_the_table() -> None:
    assert {kind.slug for kind in subclasses(ProblemError)} <= PROBLEMS.keys()


def test_problems_of_one_status_are_declared_together() -> None:
    declared = declare("conflict", "in_use", "not_found")
    assert declared.keys() == {404, 409}
    assert declared[409]["description"] == "`conflict`; `in_use`"
    assert MEDIA_TYPE in declared[404]["content"]


def test_what_has_no_status_can_not_be_declared() -> None:
    with pytest.raises(ValueError, match="idle_timeout"):
        declare("idle_timeout")
