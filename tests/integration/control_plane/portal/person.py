"""Somebody who is signed in, and fills in forms."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Self
from urllib.parse import urlencode

import httpx

from services.control_plane.portal.forms import FORM_TOKEN

Form = Mapping[str, str | Sequence[str]]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Person:
    browser: httpx.AsyncClient
    form_token: str

    @classmethod
    async def of(cls, browser: httpx.AsyncClient) -> Self:
        found = re.search(rf'name="{FORM_TOKEN}" value="(\w+)"', (await browser.get("/store")).text)
        assert found
        return cls(browser, found[1])

    async def see(self, path: str, status: int = 200) -> str:
        """Return a page."""
        answer = await self.browser.get(path)
        assert answer.status_code == status, answer.text
        return unescape(answer.text)

    async def send(self, path: str, status: int = 303, /, **fields: str | Sequence[str]) -> str:
        """Send a form; return where it leads, or the page that it answers."""
        content = urlencode({FORM_TOKEN: self.form_token, **fields}, doseq=True)
        answer = await self.browser.post(path, content=content, headers=FORM)
        assert answer.status_code == status, answer.text
        return answer.headers["location"] if status == 303 else unescape(answer.text)


def shown(page: str, id_: str) -> str:
    """Return what stands in a part of a page that can be copied."""
    found = re.search(rf'<code id="{id_}"[^>]*>([^<]+)</code>', page)
    assert found, page
    return found[1]


def wrong_at(page: str, field: str) -> str:
    """Return what a page says is wrong with a field, beside it."""
    found = re.search(rf'id="{field}-wrong"[^>]*>([^<]+)<', page)
    assert found, page
    assert f'aria-describedby="{field}-wrong"' in page
    return found[1]


def version_in(page: str, action: str) -> str:
    """Return the version that a form of a page is for, as its hidden field says."""
    found = re.search(rf'action="{re.escape(action)}"[^>]*>[^<]*(?:<input type="hidden"[^>]*>\s*)*', page)
    version = re.search(r'name="if_match" value="("\d+")"', found[0] if found else "")
    assert version, page
    return version[1]


async def lose_no_update(person: Person, page: str, action: str, first: Form, second: Form) -> str:
    """See that of two who loaded a page the second is told; return what the second saved in the end."""
    loaded = version_in(await person.see(page), action)
    await person.send(action, **first, if_match=loaded)
    told = await person.send(action, 422, **second, if_match=loaded)
    assert "Somebody changed it meanwhile" in told
    assert version_in(told, action) != loaded
    return await person.send(action, **second, if_match=version_in(told, action))
