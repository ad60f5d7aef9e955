"""Questions about connections, as they travel."""

import pytest
from pydantic import ValidationError

from shared.connections import QUESTION, CloseConnections, ListConnections, Question, Selection


@pytest.mark.parametrize(
    "question",
    [
        ListConnections(selection=Selection(owner="me"), first=3, newest=True),
        CloseConnections(selection=Selection(id="1"), reason="closed_by_publisher"),
    ],
    ids=["list", "close"],
)
def test_a_question_is_read_as_it_was_asked(question: Question) -> None:
    assert QUESTION.validate_json(question.model_dump_json()) == question


@pytest.mark.parametrize("first", [-1, 1001])
def test_no_worker_is_asked_to_describe_too_many(first: int) -> None:
    with pytest.raises(ValidationError):
        ListConnections(selection=Selection(), first=first)


def test_nothing_is_closed_without_a_reason() -> None:
    with pytest.raises(ValidationError):
        QUESTION.validate_json('{"kind": "close", "selection": {}, "reason": "quota_exceeded"}')
