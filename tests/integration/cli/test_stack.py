from pathlib import Path

import pytest

from cli.errors import CommandError
from cli.stack import Stack
from tests.support.waiting import wait_until


def test_ends_its_children_and_keeps_their_logs(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        stack.start("time server", "http.server", "0", "--bind", "127.0.0.1", env={"PYTHONUNBUFFERED": "1"})
        stack.wait_for("a line", lambda: "Serving" in (tmp_path / "time-server.log").read_text())
        process = stack.children[0].process
        assert process.poll() is None
    assert process.poll() is not None


def test_a_child_that_dies_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        stack.start("pod", "no_such_module", env={})
        with pytest.raises(CommandError, match=r"the pod ended with 1\. (?s:.*)No module named no_such_module"):
            stack.wait_for("the pod", lambda: False)
        with pytest.raises(CommandError, match="the pod ended with 1"):
            stack.watch()


def test_what_does_not_come_in_time_is_reported_with_every_log(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        stack.start("server", "http.server", "0", "--bind", "127.0.0.1", env={"PYTHONUNBUFFERED": "1"})
        wait_until(lambda: "Serving" in (tmp_path / "server.log").read_text())
        with pytest.raises(CommandError, match=r"the answer is not there after 0 s\.(?s:.*)server:(?s:.*)Serving"):
            stack.wait_for("the answer", lambda: False, within_seconds=0.1)
