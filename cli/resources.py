"""`framegate api`, `app`, `sub`, `keys`, `policy` and others: the REST API from a shell, as a table.

In a path `{api}` stands for an argument: a name, or an id, of which `cli.resource_commands` knows how to find the id.
"""

from typing import Final

from cli import admin_resources
from cli.commands import CONNECTION, FILTERS, Command, Group

APIS: Final = "/publisher/v1/apis"
APPLICATIONS: Final = "/store/v1/applications"
CONNECTIONS: Final = "/store/v1/connections"
SUBSCRIPTIONS: Final = "/store/v1/subscriptions"

_ACTIONS: Final = {
    "publish": "Let subscribers call an API.",
    "prototype": "Let every application call an API, without a subscription.",
    "block": "Refuse all calls of an API for a while.",
    "unblock": "Let a blocked API be called again.",
    "deprecate": "Take no new subscriptions to an API.",
    "retire": "Take an API away for good.",
    "demote": "Take an API back to where it is not served.",
}

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
            columns=("name", "version", "state", "context", "owner_name"),
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
            query=FILTERS,
            columns=CONNECTION,
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

_CONNECTIONS: Final = Group(
    "connections",
    "Open connections of one's own applications.",
    (
        Command("list", "List the connections.", "GET", CONNECTIONS, query=FILTERS, columns=CONNECTION),
        Command("close", "Close a connection.", "DELETE", f"{CONNECTIONS}/{{connection}}"),
    ),
)

GROUPS: Final = (_API, _APP, _SUB, _KEYS, *admin_resources.GROUPS, _CONNECTIONS)
