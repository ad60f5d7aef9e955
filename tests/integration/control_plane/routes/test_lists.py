"""Lists cost what their page does: one more row is no statement more, and no large table is read for a page of it."""

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, event

from services.control_plane.kit.database import Database
from tests.integration.control_plane.platform import Platform, fields
from tests.support.lists import lists, named
from tests.support.rows import ISSUER, Amounts, fill

FEW: Final = Amounts(apis=4, applications=2, subscriptions=4, others=2, own=2)
MANY: Final = Amounts(apis=60, applications=40, subscriptions=240, others=50, own=40)
CROWD: Final = Amounts(apis=800, applications=200, subscriptions=1600, others=800, own=10)

LARGE: Final = frozenset(
    {
        *("account", "api", "api_key", "api_policy", "api_role", "api_tag", "application", "audit_entry", "block"),
        *("external_key", "lifecycle_event", "personal_token", "subscription", "usage", "usage_bill"),
    }
)
"""Tables that grow with an installation. Policies, roles and issuers are few: each pod holds all of them."""


FILTERS: Final = {
    "tag": "tag-1",
    "api_id": "api-0",
    "application_id": "application-0",
    "actor": "person-1",
    "action": "api.update",
    "target_kind": "api",
    "target_id": "api-1",
    "since": "2026-01-01T00:00:00Z",
    "until": "2026-01-01T00:01:00Z",
    "kind": "user",
    "issuer": ISSUER,
}
"""A value for each parameter that leaves rows out."""

ASKED: Final = {"kind": "subscription"}
"""Of approvals, instead."""

SORTED_WHOLE: Final = {
    ("/publisher/v1/apis", "state"),
    ("/publisher/v1/apis", "version"),
    ("/store/v1/apis", "state"),
    ("/store/v1/apis", "version"),
    ("/admin/v1/external-keys", "issuer"),
    ("/admin/v1/blocklist", "kind"),
}
"""Lists, and what they are sorted by: too few values for an index to help. All that one may see is sorted."""

ADDED_UP: Final = {"/store/v1/tags", "/admin/v1/usage"}
"""These count all that there is, and no page of it."""


@dataclass
class Spy:
    """Hears what requests ask of the database; what works beside them has threads of its own."""

    database: Database
    heard: list[tuple[str, Any]] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[list[tuple[str, Any]]]:
        self.heard = []
        event.listen(self.database.engine, "before_cursor_execute", self._hear)
        try:
            yield self.heard
        finally:
            event.remove(self.database.engine, "before_cursor_execute", self._hear)

    def _hear(self, _: Connection, __: object, statement: str, parameters: Any, *___: object) -> None:
        if threading.current_thread().name.startswith("AnyIO") and statement.startswith("SELECT"):
            self.heard.append((statement, parameters))

    def plan(self, statement: str, parameters: Any) -> list[str]:
        """Return how the database goes about it. PostgreSQL, which reads small tables whole, is kept from it."""
        with self.database.reading() as session:
            connection = session.connection()
            if self.database.is_postgresql:
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            explain = "EXPLAIN (COSTS OFF)" if self.database.is_postgresql else "EXPLAIN QUERY PLAN"
            return [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)]


async def ask(platform: Platform, path: str, **query: Any) -> dict[str, Any]:
    answer = await platform.client.get(path, params=query)
    assert answer.status_code == 200, (path, query, answer.text)
    return {} if isinstance(answer.json(), list) else dict(answer.json())


async def sorts(platform: Platform, path: str) -> list[str]:
    """Return the names that a list can be sorted by, as its refusal of another tells them."""
    answer = await platform.client.get(path, params={"sort": "nothing"})
    found = re.match(r"must be one of: ([^;]*)", fields(answer)["sort"]) if answer.status_code == 422 else None
    return found[1].split(", ") if found else []


async def test_a_row_more_is_no_statement_more(platform: Platform) -> None:
    me, spy = (await platform.read("/account/v1/me"))["id"], Spy(platform.database)
    counted: dict[str, list[int]] = defaultdict(list)
    for prefix, amounts in (("few-", FEW), ("many-", MANY)):
        fill(platform.database, me, amounts, prefix)
        for path, names, given in lists(platform.app.openapi()):
            with spy.listening() as heard:
                await ask(platform, named(path, prefix), **given, **({"limit": 100} if "limit" in names else {}))
            counted[path].append(len(heard))
    assert counted["/store/v1/tags"][0] >= 1
    assert counted == {path: [few, few] for path, (few, _) in counted.items()}


async def test_a_page_is_found_by_an_index(platform: Platform) -> None:
    me, spy = (await platform.read("/account/v1/me"))["id"], Spy(platform.database)
    fill(platform.database, me, CROWD)
    wrong = []
    for path, names, given in lists(platform.app.openapi()):
        if path in ADDED_UP:
            continue
        orders = [{"sort": name} for name in (await sorts(platform, named(path)) if "sort" in names else [])]
        filters = FILTERS | ASKED if path.endswith("/approvals") else FILTERS
        for query in [{}, *orders, *({name: filters[name]} for name in names if name in filters)]:
            if (path, query.get("sort")) in SORTED_WHOLE:
                continue
            with spy.listening() as heard:
                await ask(platform, named(path), **given | query)
            wrong += [
                (path, query, statement, plan)
                for statement, parameters in heard
                if not statement.startswith("SELECT count(") and reads_whole(plan := spy.plan(statement, parameters))
            ]
    assert not wrong, "\n\n".join("\n".join(map(str, found)) for found in wrong)


_READ: Final = re.compile(r"Seq Scan on (\w+)|SCAN (\w+)$", re.MULTILINE)
_WALKED: Final = re.compile(
    r"Index(?: Only)? Scan (?:Backward )?using \w+ on (\w+)\b(?!(?: \w+)? *\n *Index Cond)|SCAN (\w+) USING"
)
_SORTED: Final = re.compile(r"^ *(?:->  )?Sort$|USE TEMP B-TREE FOR ORDER BY", re.MULTILINE)


def reads_whole(plan: list[str]) -> bool:
    """Tell whether a plan reads a large table from beginning to end, or walks an index of it and sorts all it finds."""
    text = "\n".join(plan)
    found = _READ.findall(text) + (_WALKED.findall(text) if _SORTED.search(text) else [])
    return any(table in LARGE for tables in found for table in tables)
