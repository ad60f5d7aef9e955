"""Pictures of pages for the documentation, and whether they still show what the pages are.

What fonts and times make of a page differs from machine to machine. So a picture is held against a digest of the page
that it was made of: its HTML without what is another each time, and the names of its style sheets, which change with
their content.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, ViewportSize

MAX_BYTES: Final = 80_000
SIZE: Final[ViewportSize] = {"width": 1000, "height": 640}

_DIGESTS: Final = "pages.json"
_CHANGING: Final = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}"), "#"),
    (re.compile(r"\d[\d,.:]*"), "#"),
    (re.compile(r"\s+"), " "),
)
_READ: Final = """() => {
  const body = document.body.cloneNode(true);
  for (const part of body.querySelectorAll("#quota, #trips, .copyable code, time, #counted")) part.remove();
  for (const part of body.querySelectorAll("[data-words]")) part.removeAttribute("data-words");  // no eye sees them
  const sheets = [...document.querySelectorAll("link[rel=stylesheet]")].map((link) => link.getAttribute("href"));
  return [body.innerHTML, ...sheets];
}"""


@dataclass
class Pictures:
    """A folder of pictures: made anew, or compared with what they were made of."""

    folder: Path
    makes: bool
    digests: dict[str, str] = field(default_factory=dict)

    def take(self, page: Page, name: str) -> None:
        page.wait_for_load_state()
        html, *sheets = page.evaluate(_READ)
        for changing, instead in _CHANGING:
            html = changing.sub(instead, html)
        self.digests[name] = hashlib.sha256("\n".join([html, *sheets]).encode()).hexdigest()
        if self.makes:
            session = page.context.new_cdp_session(page)  # Playwright itself knows no WebP
            answer = session.send("Page.captureScreenshot", {"format": "webp", "quality": 85})
            (self.folder / f"{name}.webp").write_bytes(base64.b64decode(answer["data"]))

    def finish(self) -> list[str]:
        """Return the names of the pictures that are not of the pages as they are, once all were taken."""
        recorded = self.folder / _DIGESTS
        if self.makes:
            recorded.write_text(json.dumps(self.digests, indent=2) + "\n")
        known: dict[str, str] = json.loads(recorded.read_text())
        sizes = {path.stem: path.stat().st_size for path in self.folder.glob("*.webp")}
        names = known.keys() | sizes.keys() | self.digests.keys()
        return sorted(
            name
            for name in names
            if known.get(name) != self.digests.get(name) or not 0 < sizes.get(name, 0) <= MAX_BYTES
        )
