"""Every block of the tutorial, pasted in order."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.demo import running
from tests.support.waiting import free_port

ROOT = Path(__file__).resolve().parents[3]
TUTORIAL = (ROOT / "docs/tutorial/echo-websocket.md").read_text()


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("usual_ports")
@pytest.mark.skipif(not shutil.which("curl"), reason="the tutorial uses curl, which is not installed")
def test_the_tutorial_works_as_it_is_written(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL)
    with running(tmp_path) as demo:
        script = "set -me\n" + "".join(blocks)
        rest_port = demo.find(r"http://localhost:(\d+)")
        for usual, port in {
            "8000": rest_port,
            "9099": demo.find(r"ws://localhost:(\d+)"),
            "9001": str(free_port()),
        }.items():
            script = script.replace(usual, port)
        environment = {
            **os.environ,  # noqa: TID251 - a shell needs its surroundings
            "FRAMEGATE_CLIENT_ID": "demo-pipeline",
            "FRAMEGATE_CLIENT_SECRET": demo.find(r"demo-pipeline, secret (\S+)"),
            "FRAMEGATE_TOKEN_URL": f"http://localhost:{rest_port}/oauth2/token",
        }
        ran = subprocess.run(
            ["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False
        )
    assert ran.returncode == 0, ran.stderr
    assert '"ok":true' in ran.stdout
    assert '"state":"PUBLISHED"' in ran.stdout
    assert "\nHello, Framegate!\n" in ran.stdout
    assert "\nHello from Python\n" in ran.stdout
    assert '"type": "/problems/credentials_required"' in ran.stdout
    assert "refused: HTTP 503, The API is blocked" in ran.stderr
    assert "refused, as it should be" in ran.stdout
