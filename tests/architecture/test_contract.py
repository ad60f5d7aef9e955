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

NOT_OURS = {"set_headers": "a publisher's", "keys": "JWKs: RFC 7517"}


def kind_of(path: Path) -> str:
    return path.stem.rpartition("-")[0]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_is_still_read_in_full(path: Path) -> None:
    text = path.read_text()
    decoded = MODELS[kind_of(path)].model_validate_json(text)
    assert _keeps(json.loads(text), json.loads(decoded.model_dump_json()))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_what_a_newer_version_adds_is_left_out_at_any_depth(path: Path) -> None:
    """So an old pod reads what a new control plane writes: a recording of today with fields of tomorrow in it."""
    model, recorded = MODELS[kind_of(path)], json.loads(path.read_text())
    assert model.model_validate_json(json.dumps(_age(recorded))) == model.model_validate_json(path.read_text())


def test_every_kind_is_recorded() -> None:
    assert {kind_of(path) for path in RECORDINGS} == MODELS.keys()


def _age(recorded: Any) -> Any:
    """Return what was recorded with a field more in every object whose fields are ours to name."""
    if isinstance(recorded, dict):
        aged = {key: value if key in NOT_OURS else _age(value) for key, value in recorded.items()}
        return {**aged, "of_a_newer_version": {"a": [1]}}
    return [_age(item) for item in recorded] if isinstance(recorded, list) else recorded


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
