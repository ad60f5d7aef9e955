"""Every link in the documents leads somewhere."""

import re
from pathlib import Path

from tests.architecture.repository import ROOT, read, tracked

PAGES = tracked("*.md")


def links(path: Path) -> list[str]:
    """Return the links of a page to files of this repository, without their anchors."""
    text = re.sub(r"^```.*?^```", "", read(path), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [link.partition("#")[0] for link in found if "://" not in link and not link.startswith("#")]


def test_every_link_leads_somewhere() -> None:
    dead = [(str(path), link) for path in PAGES for link in links(path) if not (ROOT / path.parent / link).exists()]
    assert not dead


def test_every_page_of_the_documentation_can_be_reached() -> None:
    reached, queue = set(), [ROOT / "README.md", ROOT / "docs/README.md"]
    while queue:
        page = queue.pop().resolve()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            queue += [page.parent / link for link in links(page.relative_to(ROOT))]
    assert {ROOT / path for path in PAGES if path.parts[0] == "docs"} <= reached


def test_no_page_puts_a_token_or_a_secret_on_a_command_line() -> None:
    """Whoever is on a machine sees the arguments of its processes, but not their variables."""
    option = re.compile(r"--(token|client-secret)[ =][\"'$]")
    assert not [str(path) for path in PAGES if option.search(read(path))]
