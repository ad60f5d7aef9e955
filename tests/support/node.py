"""Scripts in Node, which speak to us as somebody else's client would."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

_OLDEST: Final = 18
_SECONDS: Final = 60


def find_node() -> str:
    """Return where Node is. Fails the test where there is none, or one that is too old."""
    node = shutil.which("node") or shutil.which("nodejs")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout if node else ""
    version = re.match(r"v(\d+)\.", said)
    if node is None or version is None or int(version[1]) < _OLDEST:
        pytest.fail(f"Node {_OLDEST} or newer is needed: apt install nodejs")
    return node


async def run_script(script: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Run a script that reads JSON and prints JSON."""
    process = await asyncio.create_subprocess_exec(
        find_node(), script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_SECONDS):
            out, err = await process.communicate(json.dumps(given).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    answer: dict[str, Any] = json.loads(out)
    return answer
