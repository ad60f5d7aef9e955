"""The REST API from a shell, at a control plane that runs."""

from pathlib import Path

import pytest
import yaml

from cli.commands import Group
from cli.resources import GROUPS
from tests.support.command import Shell, framegate
from tests.support.waiting import free_port


@pytest.fixture
def echo(tmp_path: Path) -> str:
    """Write the body of an API without a backend, and return the file."""
    file = tmp_path / "echo.yaml"
    url = f"ws://127.0.0.1:{free_port()}"
    endpoints = {"production": {"urls": [url]}}
    body = {"name": "Echo", "context": "/echo", "version": "1.0", "policies": ["Gold"], "endpoints": endpoints}
    file.write_text(yaml.safe_dump(body))
    return str(file)


def test_an_api_from_its_making_to_its_end(shell: Shell, echo: str, tmp_path: Path) -> None:
    made = shell.read("api", "create", "-f", echo)
    assert shell.read("api", "get", "Echo") == made == shell.read("api", "get", made["id"])
    assert shell.run("api", "publish", "Echo") == "PUBLISHED\n"
    assert shell.read("api", "copy", "Echo", "2.0")["version"] == "2.0"
    assert shell.fail("api", "get", "Echo") == "there are several: say which of Echo/1.0, Echo/2.0"
    table = shell.run("api", "list").splitlines()
    assert table[0].split() == ["NAME", "VERSION", "STATE", "CONTEXT", "OWNER", "NAME"]
    assert {line.split()[-1] for line in table[1:]} == {shell.read("api", "get", "Echo/1.0")["owner_name"]}
    assert sorted(line.split()[:3] for line in table[1:]) == [["Echo", "1.0", "PUBLISHED"], ["Echo", "2.0", "CREATED"]]
    patch = tmp_path / "patch.json"
    patch.write_text('{"description": "changed"}')
    assert "description: changed\n" in shell.run("api", "patch", "Echo/2.0", "-f", str(patch))

    tested = shell.run("api", "test", "Echo/1.0", code=1)
    assert "connection_refused" in tested
    assert shell.fail("api", "unblock", "Echo/1.0").startswith("POST /publisher/v1/apis/")
    assert [item["action"] for item in shell.read("api", "lifecycle", "Echo/1.0")["history"]] == ["publish"]
    for version in ("1.0", "2.0"):
        assert shell.run("api", "delete", f"Echo/{version}") == ""
    assert shell.fail("api", "get", "Echo") == "there is no API Echo"


def test_an_application_with_subscription_and_keys(shell: Shell, echo: str) -> None:
    shell.run("api", "create", "-f", echo)
    shell.run("api", "publish", "Echo")
    assert shell.read("app", "create", "Robot", "--policy", "20PerMin")["policy"] == "20PerMin"
    assert shell.read("app", "update", "Robot", "--description", "beeps")["description"] == "beeps"
    assert shell.read("sub", "create", "Robot", "Echo", "Gold")["state"] == "UNBLOCKED"
    assert "policy: the API does not offer 'Silver'" in shell.fail("sub", "move", "Robot", "Echo/1.0", "Silver")
    assert len(shell.read("sub", "list")) == len(shell.read("api", "subscriptions", "Echo")) == 1

    key = shell.read("keys", "create", "Robot")
    assert (key["key_type"], key["token"]["token_type"]) == ("PRODUCTION", "Bearer")
    assert shell.read("keys", "create", "Robot", "sandbox")["key_type"] == "SANDBOX"
    assert "client_credentials" in shell.run("keys", "list", "Robot")
    assert shell.run("keys", "token", "Robot").count(".") == 2
    secret = shell.read("keys", "regenerate-secret", "Robot", "SANDBOX")
    assert secret["consumer_secret"].startswith("fgs_")
    shell.run("keys", "delete", "Robot", "SANDBOX")
    assert "no key of type SANDBOX" in shell.fail("keys", "get", "Robot", "SANDBOX")

    shell.run("sub", "delete", "Robot", "Echo")
    assert shell.fail("sub", "get", "Robot", "Echo") == "there is no subscription of Robot to Echo"
    shell.run("app", "delete", "Robot")
    shell.run("api", "delete", "Echo")


def test_a_version_takes_the_place_of_another(shell: Shell, echo: str, tmp_path: Path) -> None:
    shell.run("api", "create", "-f", echo)
    shell.run("api", "publish", "Echo")
    shell.run("app", "create", "Robot")
    shell.run("sub", "create", "Robot", "Echo", "Gold")
    for version in ("2.0", "3.0"):
        shell.run("api", "copy", "Echo/1.0", version)
    options = ("--no-require-resubscription", "--deprecate-older-versions")
    assert shell.run("api", "publish", "Echo/2.0", *options) == "PUBLISHED\n"
    assert shell.read("api", "get", "Echo/1.0")["state"] == "DEPRECATED"
    assert len(shell.read("api", "subscriptions", "Echo/2.0")) == 1
    shell.run("api", "publish", "Echo/3.0")
    assert shell.read("api", "subscriptions", "Echo/3.0") == []
    assert shell.read("api", "move-subscriptions", "Echo/1.0", "Echo/3.0") == {"moved": 1, "ended": 0}
    shell.run("sub", "delete", "Robot", "Echo/2.0")
    assert "in state DEPRECATED" in shell.fail("sub", "switch", "Robot", "Echo/3.0", "Echo/1.0")
    switched = shell.read("sub", "switch", "Robot", "Echo/3.0", "Echo/2.0")
    assert switched["api_id"] == shell.read("api", "get", "Echo/2.0")["id"]

    guide = tmp_path / "guide.yaml"
    guide.write_text("{name: Guide, type: HOWTO, markdown: '# Begin'}")
    shell.run("api", "add-document", "Echo/2.0", "-f", str(guide))
    assert "Guide" in shell.run("api", "documents", "Echo/2.0")

    shell.run("sub", "delete", "Robot", "Echo/2.0")
    shell.run("app", "delete", "Robot")
    for version in ("1.0", "2.0", "3.0"):
        shell.run("api", "delete", f"Echo/{version}")


def test_categories(shell: Shell) -> None:
    assert shell.read("category", "create", "Finance")["description"] == ""
    assert shell.read("category", "update", "Finance", "--description", "Money")["description"] == "Money"
    assert "Money" in shell.run("category", "list", "--q", "fin")
    shell.run("category", "delete", "Finance")
    assert shell.read("category", "list") == []


def test_policies(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "slow.yaml"
    file.write_text("{name: Slow, level: subscription, limits: [{amount: 5}]}")
    assert shell.read("policy", "create", "-f", str(file))["limits"][0]["amount"] == 5
    assert "Slow" in shell.run("policy", "list", "--level", "subscription")
    assert "level: Unlimited stands on several levels" in shell.fail("policy", "get", "Unlimited")
    assert shell.read("policy", "get", "Unlimited", "--level", "api")["builtin"] is True
    shell.run("policy", "delete", "Slow")
    file.write_text("a: b: c")
    assert "not YAML" in shell.fail("policy", "create", "-f", str(file))


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_every_command_explains_itself(group: Group) -> None:
    said = framegate(group.name, "--help").out
    for command in group.commands:
        assert command.name in said
        assert framegate(group.name, command.name, "--help").exit_code == 0


def test_lists_have_a_limit_and_say_so(shell: Shell) -> None:
    shell.run("app", "create", "Another")
    ran = framegate("app", "list", "--limit", "1", env=shell.env)
    assert len(ran.out.splitlines()) == 2
    assert ran.err == "the first 1 of 2: --limit shows more\n"
    assert [item["name"] for item in shell.read("app", "list", "--q", "anoth")] == ["Another"]
    shell.run("app", "delete", "Another")


def test_connections_are_asked_of_the_pods(shell: Shell) -> None:
    for command in (("connections", "list"), ("gateway", "list"), ("connections", "close", "nothing")):
        assert "HTTP 503" in shell.fail(*command)  # there is no Redis here


def test_what_was_asked_is_decided(shell: Shell, tmp_path: Path) -> None:
    hook = shell.read("webhooks", "create", "https://127.0.0.1/hook")
    assert hook["secret"].startswith("whsec_")
    patch = tmp_path / "patch.json"
    patch.write_text('{"active": false}')
    assert shell.read("webhooks", "patch", hook["id"], "-f", str(patch))["active"] is False
    assert [item["id"] for item in shell.read("webhooks", "list")] == [hook["id"]]
    assert all(item["event"] == "webhook.create" for item in shell.read("webhooks", "deliveries", hook["id"]))
    assert shell.run("webhooks", "delete", hook["id"]) == ""
    assert shell.read("approvals", "list", "--state", "PENDING") == []
    said = shell.fail("approvals", "approve", "nothing", "--comment", "Yes")
    assert said.startswith("POST /admin/v1/approvals/nothing/approve")


def test_an_organisation(shell: Shell) -> None:
    assert shell.read("organisation", "create", "acme", "--description", "Anvils")["name"] == "acme"
    assert shell.read("organisation", "update", "acme", "--description", "More")["description"] == "More"
    assert [item["name"] for item in shell.read("organisation", "list", "--q", "acm")] == ["acme"]
    assert shell.run("organisation", "delete", "acme") == ""
    assert "is the platform's own" in shell.fail("organisation", "delete", "default")


def test_an_environment_and_an_api_that_is_deployed_to_it(shell: Shell, echo: str, tmp_path: Path) -> None:
    made = shell.read("environment", "create", "eu", "ws://eu.example.com", "--description", "Europe")
    assert (made["name"], made["gateway_tls_url"]) == ("eu", None)
    changed = shell.read("environment", "update", "eu", "--gateway-tls-url", "wss://eu.example.com")
    assert changed["gateway_tls_url"] == "wss://eu.example.com"
    assert [line.split()[0] for line in shell.run("environment", "list").splitlines()[1:]] == ["default", "eu"]
    patch = tmp_path / "patch.json"
    patch.write_text('{"environments": ["eu"]}')
    shell.run("api", "create", "-f", echo)
    assert shell.read("api", "patch", "Echo", "-f", str(patch))["environments"] == ["eu"]
    assert "take it from their environments first" in shell.fail("environment", "delete", "eu")
    shell.run("api", "delete", "Echo")
    assert shell.run("environment", "delete", "eu") == ""
