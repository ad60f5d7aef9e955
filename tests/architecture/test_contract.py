"""What was once written into Redis or into a token is still understood.

The files are recordings: they are never changed. A new form of an object gets a new file.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.connections import QUESTION
from shared.contract import Contract
from tests.architecture.contracts import FOLDER, MODELS, READERS
from tests.architecture.repository import tracked
from tests.support import toolbox

RECORDINGS = sorted(FOLDER.glob("*.json"))
VERSIONS = sorted(folder.name for folder in READERS.iterdir())

# Where a name is nobody's of ours, or must be understood.
NOT_OURS = {
    "set_headers": "a publisher's",
    "keys": "JWKs: RFC 7517",
    "refused": "slugs",
    "closed": "causes",
    "selection": "a pod that left out what it doesn't know would close more connections than are meant",
}
NEVER_SENT = {"Rule": "each plane derives it from a policy"}


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


@pytest.mark.timeout(300)  # the first test that needs the toolbox installs it
@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_written_now_can_be_read_by_a_pod_of_an_older_version(version: str) -> None:
    """And by an older control plane. A kind that it doesn't know it leaves alone."""
    for path in RECORDINGS:
        reader = READERS / version / f"{kind_of(path)}.json"
        if reader.exists():
            schema, written = json.loads(reader.read_text()), json.loads(path.read_text())
            assert toolbox.ask("check_document", schema=schema, document=written) == [], path.stem


def test_a_question_that_means_less_than_an_older_pod_would_think_is_not_understood_there() -> None:
    asked = json.loads((FOLDER / "question-close-1.json").read_text())
    asked["selection"]["of_a_newer_version"] = "only these"
    with pytest.raises(ValidationError):
        QUESTION.validate_json(json.dumps(asked))


def test_every_kind_is_recorded() -> None:
    assert {kind_of(path) for path in RECORDINGS} == MODELS.keys()


def test_everything_that_crosses_is_part_of_a_recording() -> None:
    for path in tracked("shared/*.py"):
        import_module(".".join(path.with_suffix("").parts))
    parts = {
        name for model in MODELS.values() for name in (model.__name__, *model.model_json_schema().get("$defs", ()))
    }
    assert {model.__name__ for model in Contract.__subclasses__()} <= parts | NEVER_SENT.keys()


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
