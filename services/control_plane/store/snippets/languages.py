"""The languages that there are snippets for."""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Quote = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Language:
    name: str
    title: str
    quote: Quote
    """Makes a value a literal of the language."""


_ALL: Final = (
    # What JSON makes of ASCII is a string in each of these. All values are ASCII: see the writer.
    Language("python", "Python", json.dumps),
    Language("browser", "JavaScript in a browser", json.dumps),
    Language("node", "JavaScript in Node", json.dumps),
    Language("java", "Java", json.dumps),
    Language("go", "Go", json.dumps),
    Language("wscat", "wscat", shlex.quote),
    Language("curl", "curl", shlex.quote),
)

LANGUAGES: Final[Mapping[str, Language]] = {language.name: language for language in _ALL}
