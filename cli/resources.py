"""`framegate api`, `app`, `sub`, `keys`, `policy` and others: the REST API from a shell, as a table.

In a path `{api}` stands for an argument: a name, or an id, of which `cli.resource_commands` knows how to find the id.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

APIS: Final = "/publisher/v1/apis"
APPLICATIONS: Final = "/store/v1/applications"
APPROVALS: Final = "/admin/v1/approvals"
CATEGORIES: Final = "/admin/v1/categories"
CONNECTIONS: Final = "/store/v1/connections"
POLICIES: Final = "/admin/v1/policies"
SUBSCRIPTIONS: Final = "/store/v1/subscriptions"
WEBHOOKS: Final = "/admin/v1/webhooks"


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and the request that it makes.

    `fields` of the body are arguments in upper case and options with dashes. `file` takes the body from a file, too.
    """

    name: str
    help: str
    method: str
    path: str
    fields: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    query: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """Options of the body that are there or not: `--deprecate-older-versions`, `--no-deprecate-older-versions`."""
    file: bool = False
    columns: tuple[str, ...] = ()
    """Of a list: what a table shows."""
    rows: str = "items"
    """Where the list stands in the answer; all pages of `items` are read."""
    only: str = ""
    """What is printed of the answer for people, where that is one text."""
    fails: Callable[[Any], bool] = lambda _: False
    """Whether the exit code is 1 although the answer was good."""

    @property
    def is_list(self) -> bool:
        return bool(self.columns) and self.method == "GET"


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    help: str
    commands: tuple[Command, ...]


_ACTIONS: Final = {
    "publish": "Let subscribers call an API.",
    "prototype": "Let every application call an API, without a subscription.",
    "block": "Refuse all calls of an API for a while.",
    "unblock": "Let a blocked API be called again.",
    "deprecate": "Take no new subscriptions to an API.",
    "retire": "Take an API away for good.",
    "demote": "Take an API back to where it is not served.",
}

_FILTERS: Final = ("q", "pod", "owner", "address")
_CONNECTION: Final = ("id", "context", "version", "application", "address", "pod", "opened_at")

_API: Final = Group(
    "api",
    "APIs, as their publisher. API is a name, NAME/VERSION, or an id.",
    (
        Command(
            "list",
            "List the APIs.",
            "GET",
            APIS,
            query=("q",),
            columns=("name", "version", "state", "context", "owner"),
        ),
        Command("get", "Show an API.", "GET", f"{APIS}/{{api}}"),
        Command("create", "Make an API, as a file says it.", "POST", APIS, file=True),
        Command("replace", "Put an API as a file says it.", "PUT", f"{APIS}/{{api}}", file=True),
        Command("patch", "Change an API by a merge patch.", "PATCH", f"{APIS}/{{api}}", file=True),
        Command("delete", "Delete an API without subscriptions.", "DELETE", f"{APIS}/{{api}}"),
        *(
            Command(
                action,
                said,
                "POST",
                f"{APIS}/{{api}}/lifecycle",
                body={"action": action},
                flags=("require_resubscription", "deprecate_older_versions") if action == "publish" else (),
                only="state",
            )
            for action, said in _ACTIONS.items()
        ),
        Command(
            "lifecycle",
            "Show an API's state, what is open from there, and its history.",
            "GET",
            f"{APIS}/{{api}}/lifecycle",
        ),
        Command("copy", "Make another version of an API.", "POST", f"{APIS}/{{api}}/versions", fields=("VERSION",)),
        Command(
            "test",
            "Open a WebSocket to each endpoint of an API. The exit code is 1 if one fails.",
            "POST",
            f"{APIS}/{{api}}/endpoints/test",
            columns=("environment", "url", "ok", "status", "latency_ms", "error", "detail"),
            rows="results",
            fails=lambda answer: not all(item["ok"] for item in answer),
        ),
        Command(
            "connections",
            "List the open connections of an API.",
            "GET",
            f"{APIS}/{{api}}/connections",
            query=_FILTERS,
            columns=_CONNECTION,
        ),
        Command(
            "subscriptions",
            "List the subscriptions to an API.",
            "GET",
            f"{APIS}/{{api}}/subscriptions",
            columns=("id", "application_id", "policy", "state", "created_at"),
        ),
        Command(
            "move-subscriptions",
            "Put all subscriptions of one version of an API on another version.",
            "POST",
            f"{APIS}/{{api}}/subscriptions/move",
            fields=("TO",),
        ),
        Command(
            "documents",
            "List the documents of an API.",
            "GET",
            f"{APIS}/{{api}}/documents",
            query=("q",),
            columns=("name", "type", "source", "visibility", "summary", "updated_at"),
        ),
        Command(
            "add-document",
            "Add a document to an API, as a file says it.",
            "POST",
            f"{APIS}/{{api}}/documents",
            file=True,
        ),
    ),
)

_APP: Final = Group(
    "app",
    "Applications of one's own. APP is a name or an id.",
    (
        Command(
            "list",
            "List the applications.",
            "GET",
            APPLICATIONS,
            query=("q",),
            columns=("name", "policy", "description", "id"),
        ),
        Command("get", "Show an application.", "GET", f"{APPLICATIONS}/{{app}}"),
        Command("create", "Make an application.", "POST", APPLICATIONS, fields=("NAME", "--policy", "--description")),
        Command(
            "update",
            "Change an application.",
            "PATCH",
            f"{APPLICATIONS}/{{app}}",
            fields=("--name", "--policy", "--description"),
        ),
        Command(
            "delete", "Delete an application with its keys and subscriptions.", "DELETE", f"{APPLICATIONS}/{{app}}"
        ),
        Command(
            "quota",
            "Show what is left of the limits that hold an application.",
            "GET",
            f"{APPLICATIONS}/{{app}}/quota",
            columns=("level", "policy", "unit", "direction", "amount", "used", "left", "resets_in_ms"),
        ),
    ),
)

_SUB: Final = Group(
    "sub",
    "Subscriptions of one's own applications. APP is a name or an id; API a name, NAME/VERSION, or an id.",
    (
        Command(
            "list",
            "List the subscriptions.",
            "GET",
            SUBSCRIPTIONS,
            columns=("id", "application_id", "api_id", "policy", "state"),
        ),
        Command("get", "Show the subscription of an application to an API.", "GET", f"{SUBSCRIPTIONS}/{{sub}}"),
        Command(
            "create",
            "Subscribe an application to an API.",
            "POST",
            SUBSCRIPTIONS,
            fields=("{app:application_id}", "{store_api:api_id}", "POLICY"),
        ),
        Command(
            "move", "Put a subscription under another policy.", "PATCH", f"{SUBSCRIPTIONS}/{{sub}}", fields=("POLICY",)
        ),
        Command(
            "switch",
            "Put a subscription on another version of its API.",
            "PATCH",
            f"{SUBSCRIPTIONS}/{{sub}}",
            fields=("{other_api:api_id}", "--policy"),
        ),
        Command("delete", "End a subscription.", "DELETE", f"{SUBSCRIPTIONS}/{{sub}}"),
    ),
)

_KEY: Final = f"{APPLICATIONS}/{{app}}/keys/{{key_type}}"
_KEYS: Final = Group(
    "keys",
    "Consumer keys of one's own applications, and tokens. KEY_TYPE is PRODUCTION unless said, or SANDBOX.",
    (
        Command(
            "list",
            "List the keys of an application.",
            "GET",
            f"{APPLICATIONS}/{{app}}/keys",
            columns=("key_type", "consumer_key", "grant_types", "validity_seconds"),
        ),
        Command(
            "create",
            "Make a key, and show its secret this once.",
            "POST",
            f"{APPLICATIONS}/{{app}}/keys",
            fields=("KEY_TYPE",),
            file=True,
        ),
        Command("get", "Show a key.", "GET", _KEY),
        Command("delete", "Delete a key: its tokens end.", "DELETE", _KEY),
        Command(
            "regenerate-secret",
            "Replace the secret of a key, and show it this once.",
            "POST",
            f"{_KEY}/regenerate-secret",
        ),
        Command("token", "Print an access token of a key.", "POST", f"{_KEY}/token", only="access_token"),
    ),
)

_POLICY: Final = Group(
    "policy",
    "Throttling policies, as an administrator.",
    (
        Command(
            "list",
            "List the policies.",
            "GET",
            POLICIES,
            query=("level",),
            columns=("name", "level", "on_exceed", "builtin", "description"),
        ),
        Command("get", "Show a policy.", "GET", f"{POLICIES}/{{policy}}", query=("level",)),
        Command("create", "Make a policy, as a file says it.", "POST", POLICIES, file=True),
        Command(
            "replace", "Put a policy as a file says it.", "PUT", f"{POLICIES}/{{policy}}", query=("level",), file=True
        ),
        Command("delete", "Delete a policy that is not used.", "DELETE", f"{POLICIES}/{{policy}}", query=("level",)),
    ),
)

_CATEGORY: Final = Group(
    "category",
    "Categories that publishers choose from, as an administrator.",
    (
        Command("list", "List the categories.", "GET", CATEGORIES, query=("q",), columns=("name", "description")),
        Command("create", "Make a category.", "POST", CATEGORIES, fields=("NAME", "--description")),
        Command("update", "Change a category.", "PUT", f"{CATEGORIES}/{{category}}", fields=("--description",)),
        Command("delete", "Delete a category that no API is in.", "DELETE", f"{CATEGORIES}/{{category}}"),
    ),
)

_GATEWAY: Final = Group(
    "gateway",
    "Pods and all of their connections, as an administrator.",
    (
        Command(
            "list",
            "List the pods.",
            "GET",
            "/admin/v1/gateways",
            columns=("id", "host", "version", "state", "current", "workers", "connections", "last_heartbeat"),
        ),
        Command(
            "connections",
            "List all open connections.",
            "GET",
            "/admin/v1/connections",
            query=_FILTERS,
            columns=_CONNECTION,
        ),
        Command("close", "Close a connection.", "DELETE", "/admin/v1/connections/{connection}"),
    ),
)

_CONNECTIONS: Final = Group(
    "connections",
    "Open connections of one's own applications.",
    (
        Command("list", "List the connections.", "GET", CONNECTIONS, query=_FILTERS, columns=_CONNECTION),
        Command("close", "Close a connection.", "DELETE", f"{CONNECTIONS}/{{connection}}"),
    ),
)

_APPROVAL: Final = f"{APPROVALS}/{{approval}}"
_APPROVALS: Final = Group(
    "approvals",
    "What administrators are asked. APPROVAL is an id.",
    (
        Command(
            "list",
            "List what was asked.",
            "GET",
            APPROVALS,
            query=("kind", "state", "q"),
            columns=("id", "kind", "title", "wanted", "asked_by_name", "asked_at", "state"),
        ),
        Command("approve", "Have done what was asked.", "POST", f"{_APPROVAL}/approve", fields=("--comment",)),
        Command("reject", "Turn down what was asked.", "POST", f"{_APPROVAL}/reject", fields=("--comment",)),
    ),
)

_WEBHOOK: Final = f"{WEBHOOKS}/{{webhook}}"
_WEBHOOKS: Final = Group(
    "webhooks",
    "Who hears of events, as an administrator. WEBHOOK is an id.",
    (
        Command(
            "list",
            "List the webhooks.",
            "GET",
            WEBHOOKS,
            query=("q",),
            columns=("id", "url", "events", "active", "pending", "failures"),
        ),
        Command(
            "create", "Make a webhook, and show its secret this once.", "POST", WEBHOOKS, fields=("URL",), file=True
        ),
        Command("get", "Show a webhook.", "GET", _WEBHOOK),
        Command("patch", "Change a webhook by a merge patch.", "PATCH", _WEBHOOK, file=True),
        Command("delete", "Delete a webhook, with what waits for it.", "DELETE", _WEBHOOK),
        Command(
            "deliveries",
            "List what was sent to a webhook, or waits.",
            "GET",
            f"{_WEBHOOK}/deliveries",
            query=("state",),
            columns=("id", "event", "state", "attempts", "queued_at", "status", "error"),
        ),
        Command("redeliver", "Send an event again.", "POST", f"{_WEBHOOK}/deliveries/{{delivery}}/redeliver"),
    ),
)

GROUPS: Final = (_API, _APP, _SUB, _KEYS, _POLICY, _CATEGORY, _GATEWAY, _CONNECTIONS, _APPROVALS, _WEBHOOKS)
