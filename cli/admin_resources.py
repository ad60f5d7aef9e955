"""`framegate policy`, `category`, `organisation`, `environment` and so on: what administrators see to."""

from typing import Final

from cli.commands import CONNECTION, FILTERS, Command, Group

APPROVALS: Final = "/admin/v1/approvals"
CATEGORIES: Final = "/admin/v1/categories"
ENVIRONMENTS: Final = "/admin/v1/environments"
ORGANISATIONS: Final = "/admin/v1/organisations"
POLICIES: Final = "/admin/v1/policies"
WEBHOOKS: Final = "/admin/v1/webhooks"

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

_ORGANISATION: Final = Group(
    "organisation",
    "Organisations, as an administrator of the platform.",
    (
        Command("list", "List the organisations.", "GET", ORGANISATIONS, query=("q",), columns=("name", "description")),
        Command("create", "Make an organisation.", "POST", ORGANISATIONS, fields=("NAME", "--description")),
        Command(
            "update", "Change an organisation.", "PUT", f"{ORGANISATIONS}/{{organisation}}", fields=("--description",)
        ),
        Command(
            "delete", "Delete an organisation that nothing belongs to.", "DELETE", f"{ORGANISATIONS}/{{organisation}}"
        ),
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
            columns=(
                "id",
                "host",
                "environment",
                "version",
                "state",
                "current",
                "workers",
                "connections",
                "last_heartbeat",
            ),
        ),
        Command(
            "connections",
            "List all open connections.",
            "GET",
            "/admin/v1/connections",
            query=FILTERS,
            columns=CONNECTION,
        ),
        Command("close", "Close a connection.", "DELETE", "/admin/v1/connections/{connection}"),
    ),
)

_ENVIRONMENT: Final = Group(
    "environment",
    "Gateway environments, as an administrator. NAME is the label of their pods.",
    (
        Command(
            "list",
            "List the environments.",
            "GET",
            ENVIRONMENTS,
            query=("q",),
            columns=("name", "gateway_url", "gateway_tls_url", "description"),
        ),
        Command("get", "Show an environment.", "GET", f"{ENVIRONMENTS}/{{environment}}"),
        Command(
            "create",
            "Make an environment.",
            "POST",
            ENVIRONMENTS,
            fields=("NAME", "GATEWAY_URL", "--gateway-tls-url", "--description"),
        ),
        Command(
            "update",
            "Change an environment.",
            "PATCH",
            f"{ENVIRONMENTS}/{{environment}}",
            fields=("--gateway-url", "--gateway-tls-url", "--description"),
        ),
        Command("delete", "Delete an environment that no API names.", "DELETE", f"{ENVIRONMENTS}/{{environment}}"),
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

GROUPS: Final = (_POLICY, _CATEGORY, _ORGANISATION, _GATEWAY, _ENVIRONMENT, _APPROVALS, _WEBHOOKS)
