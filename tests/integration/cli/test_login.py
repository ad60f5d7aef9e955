"""A person signs in at a terminal, with a browser, at a control plane that runs."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.integration.cli.test_planes import answers, serving
from tests.support.waiting import free_port, wait_until

PASSWORD = "a password of the tests"


@dataclass
class Terminal:
    """Whose commands keep their files in `home`."""

    home: Path
    url: str

    @property
    def file(self) -> Path:
        return self.home / ".config/framegate/credentials.json"

    def start(self, *args: str) -> subprocess.Popen[str]:
        env = {"HOME": str(self.home), "FRAMEGATE_URL": self.url, "PYTHONPATH": ":".join(sys.path)}
        command = [sys.executable, "-m", "cli.main", *args]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *args: str) -> tuple[int, str, str]:
        process = self.start(*args)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def log_in(self, decision: str = "allow", state: str | None = None) -> tuple[int, str]:
        """Run the command, and do in a browser what it asks for."""
        process = self.start("login", "--no-browser")
        assert process.stderr is not None
        assert process.stderr.readline() == "Sign in at\n"
        address = process.stderr.readline().strip()
        with httpx.Client(trust_env=False) as browser:
            page = browser.get(address)
            sealed = re.search(r'name="request" value="([^"]+)"', page.text)
            assert sealed, page.text
            form = {"request": sealed[1], "decision": decision, "username": "admin", "password": PASSWORD}
            back = browser.post(f"{self.url}/oauth2/authorize", data=form).headers["location"]
            if state is not None:
                back = re.sub(r"state=[^&]+", f"state={state}", back)
            assert "Go back to the terminal" in browser.get(back).text
        _, err = process.communicate(timeout=30)
        return process.returncode, err


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, folder = free_port(), tmp_path_factory.mktemp("control-plane")
    environment = {
        "FRAMEGATE_DATABASE_URL": f"sqlite:///{folder}/framegate.db",
        "FRAMEGATE_REDIS_URL": "redis://127.0.0.1:1/0",  # signing in needs none
        "FRAMEGATE_ADMIN_PASSWORD": PASSWORD,
        "FRAMEGATE_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    with serving(folder, "control-plane", "--port", str(port), **environment) as process:
        wait_until(lambda: process.poll() is not None or answers(port, "/healthz"), within=40)
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def terminal(tmp_path: Path, control_plane: str) -> Terminal:
    return Terminal(tmp_path, control_plane)


def test_signs_in_says_who_and_signs_out(terminal: Terminal) -> None:
    code, err = terminal.log_in()
    assert code == 0, err
    assert terminal.file.stat().st_mode & 0o777 == 0o600
    assert json.loads(terminal.run("whoami", "-o", "json")[1])["name"] == "admin"
    assert terminal.run("whoami")[1].splitlines()[0] == f"admin at {terminal.url}"
    assert terminal.run("api", "list", "-o", "json") == (0, "[]\n", "")
    kept = json.loads(terminal.file.read_text())
    assert terminal.run("logout")[0] == 0
    assert not terminal.file.exists()
    headers = {"Authorization": f"Bearer {kept['access_token']}"}
    assert httpx.get(f"{terminal.url}/account/v1/me", headers=headers, trust_env=False).status_code == 401
    assert "nobody is signed in" in terminal.run("whoami")[2]


def test_refreshes_a_token_that_is_old(terminal: Terminal) -> None:
    terminal.log_in()
    kept = json.loads(terminal.file.read_text())
    terminal.file.write_text(json.dumps({**kept, "expires_at": "2020-01-01T00:00:00Z"}))
    several = [terminal.start("whoami") for _ in range(3)]
    assert [process.wait(30) for process in several] == [0, 0, 0]
    for process in several:
        process.communicate()
    fresh = json.loads(terminal.file.read_text())
    assert fresh["refresh_token"] != kept["refresh_token"]
    assert terminal.file.stat().st_mode & 0o777 == 0o600


def test_keeps_nothing_where_the_person_denies(terminal: Terminal) -> None:
    code, err = terminal.log_in(decision="deny")
    assert code == 1
    assert "not signed in" in err
    assert not terminal.file.exists()


def test_takes_no_answer_to_another_question(terminal: Terminal) -> None:
    code, err = terminal.log_in(state="another")
    assert code == 1
    assert "not to our question" in err


def test_signs_in_with_a_browser_elsewhere(terminal: Terminal) -> None:
    process = terminal.start("login", "--device", "--scope", "publisher:read")
    assert process.stderr is not None
    assert process.stderr.readline() == f"Open {terminal.url}/device in a browser on any machine, and enter the code\n"
    code = process.stderr.readline().strip()
    with httpx.Client(trust_env=False, base_url=terminal.url, follow_redirects=True) as browser:
        page = browser.get("/device")
        for path, form in (
            ("/sign-in", {"username": "admin", "password": PASSWORD}),
            ("/device", {"user_code": code}),
            ("/device", {"decision": "allow"}),
        ):
            hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page.text))
            page = browser.post(path, data={**hidden, **form})
    assert "Allowed" in page.text
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "with the scopes publisher:read." in err
    assert json.loads(terminal.run("whoami", "-o", "json")[1])["scopes"] == ["publisher:read"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"url": 1}'])
def test_says_that_the_file_is_damaged(terminal: Terminal, content: str) -> None:
    terminal.file.parent.mkdir(parents=True)
    terminal.file.write_text(content)
    code, _, err = terminal.run("whoami")
    assert code == 1
    assert "framegate login makes it anew" in err
