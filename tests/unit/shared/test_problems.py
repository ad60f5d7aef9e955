import re

import pytest

from shared.problems import COME_BACK, PROBLEMS, STAY_AWAY, Problem

ALL = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


@ALL
def test_a_slug_is_a_slug_and_a_fit_close_reason(problem: Problem) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", problem.slug)
    assert len(problem.slug) <= 123  # RFC 6455, section 5.5


@ALL
def test_a_problem_can_be_told_before_or_after_the_upgrade(problem: Problem) -> None:
    assert problem.status or problem.close_code
    assert problem.status is None or 400 <= problem.status < 600


@ALL
def test_close_codes_may_stand_on_the_wire(problem: Problem) -> None:
    code = problem.close_code
    assert code not in {1004, 1005, 1006, 1015}
    assert code is None or 1000 <= code < 1016 or code in COME_BACK or code in STAY_AWAY


@ALL
def test_what_has_ended_for_good_says_do_not_come_back(problem: Problem) -> None:
    gone = ("revoked", "removed", "blocked", "retired", "disabled")
    if problem.close_code and problem.slug.endswith(gone) and problem.slug != "api_blocked":  # blocked for a while
        assert problem.close_code in STAY_AWAY


def test_slugs_are_unique_and_ids_stable() -> None:
    assert all(problem.slug == slug and problem.type == f"/problems/{slug}" for slug, problem in PROBLEMS.items())


def test_a_document_is_that_of_rfc_9457() -> None:
    problem = PROBLEMS["quota_exceeded"]
    assert problem.document() == {"type": "/problems/quota_exceeded", "title": "The quota is spent", "status": 429}
    assert problem.document("5 of 5", limit="subscription") == {
        **problem.document(),
        "detail": "5 of 5",
        "limit": "subscription",
    }
