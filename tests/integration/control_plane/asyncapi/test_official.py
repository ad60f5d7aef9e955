"""What the official parser accepts and refuses, we accept and refuse, but for what stands here with its reason."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.reading import read_document
from services.control_plane.kit.problems import InvalidError
from tests.integration.control_plane.asyncapi.mutants import mutants
from tests.support.node import run_script

SCRIPT: Final = Path(__file__).with_name("judge.mjs")
EXAMPLES: Final = sorted((Path(__file__).parents[3] / "vendor/asyncapi-examples").glob("*/*.yml"))

# What we judge otherwise, and why.
KNOWN: Final[Mapping[str, str]] = {
    "2: an example that is not valid": "examples are not held against their schemas",
    "3: a channel in place": "the specification asks for a reference",
    "3: a message in place": "the specification asks for a reference",
    "3: a schema with a bad pattern": "nobody could validate by it",
    "3: references in a circle": "they lead nowhere",
}

BATCH: Final = 15  # so many take the parser some seconds


def examples() -> Iterator[tuple[str, str]]:
    """Yield each public example, those of 2 also as if they were of another version, so that each has its turn."""
    for number, path in enumerate(EXAMPLES):
        name, text = f"{path.parent.name}/{path.name}", path.read_text()
        yield name, text
        if path.parent.name == "3":
            continue
        version = f"2.{number % 7}.0"
        yield f"{name} as {version}", re.sub(r"^asyncapi:.*$", f"asyncapi: {version}", text, flags=re.MULTILINE)


DOCUMENTS: Final = [*examples(), *mutants()]
BATCHES: Final = [dict(DOCUMENTS[start : start + BATCH]) for start in range(0, len(DOCUMENTS), BATCH)]


async def errors_of(documents: list[str]) -> list[list[str]]:
    verdicts: list[list[str]] = (await run_script(SCRIPT, {"documents": documents}))["verdicts"]
    return verdicts


def refuses(text: str) -> bool:
    try:
        check(read_document(text.encode()))
    except InvalidError:
        return True
    return False


@pytest.mark.parametrize("batch", BATCHES, ids=range(len(BATCHES)))
async def test_we_judge_as_the_official_parser_does(batch: dict[str, str]) -> None:
    theirs = dict(zip(batch, await errors_of(list(batch.values())), strict=True))
    ours = {name: refuses(text) for name, text in batch.items()}
    different = {name for name in batch if ours[name] != bool(theirs[name])}
    assert different == batch.keys() & KNOWN.keys(), {name: theirs[name] for name in different}


async def test_the_official_parser_accepts_what_we_tell_as_3_0() -> None:
    texts = [path.read_bytes() for path in EXAMPLES if path.parent.name == "2"]
    converted = [json.dumps(check(read_document(text))) for text in texts]
    assert await errors_of(converted) == [[] for _ in texts]
