import pytest
from pydantic import ValidationError

from shared.blocks import BlockDefinition


def test_only_the_kinds_that_pods_know_can_be_blocked() -> None:
    with pytest.raises(ValidationError, match="kind"):
        BlockDefinition.model_validate({"id": "1", "kind": "country", "value": "x"})
