"""What was once written into Redis or into a token is still understood.

The files are recordings: they are never changed. A new form of an object gets a new file.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.catalogue import KINDS
from shared.claims import AccessClaims
from shared.contract import Contract
from shared.tickets import Ticket

RECORDINGS = sorted((Path(__file__).parent / "contract").glob("*.json"))
MODELS: dict[str, type[Contract]] = {**KINDS, "access-token": AccessClaims, "ticket": Ticket}


def kind_of(path: Path) -> str:
    return path.stem.rpartition("-")[0]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_is_still_read_in_full(path: Path) -> None:
    text = path.read_text()
    decoded = MODELS[kind_of(path)].model_validate_json(text)
    assert _keeps(json.loads(text), json.loads(decoded.model_dump_json()))


def test_every_kind_is_recorded() -> None:
    assert {kind_of(path) for path in RECORDINGS} == MODELS.keys()


def _keeps(recorded: Any, decoded: Any) -> bool:
    """Tell whether all that was recorded is in what was decoded."""
    if isinstance(recorded, dict):
        return isinstance(decoded, dict) and all(
            key in decoded and _keeps(value, decoded[key]) for key, value in recorded.items()
        )
    if isinstance(recorded, list):
        return (
            isinstance(decoded, list)
            and len(recorded) == len(decoded)
            and all(_keeps(*pair) for pair in zip(recorded, decoded, strict=True))
        )
    return bool(recorded == decoded)
