"""Workers that misbehave. Each case forks in a process of its own: this one has threads."""

import re
import subprocess
import sys
import time

PREAMBLE = """
import asyncio, logging, signal, sys, time
from services.data_plane.nursery import Nursery
from services.data_plane.workers import Crew

logging.basicConfig(level=logging.INFO)

def crash(channel, again):
    sys.exit(3)

def hang(channel, again):
    channel.sendall(b"1" if again else b"0")
    while True:
        time.sleep(60)
"""

CRASHING = """
nursery = Nursery(crash, 1.0)

async def main():
    crew = Crew(nursery, 2)
    keeping = asyncio.ensure_future(crew.run())
    await asyncio.sleep(1.5)
    collected = await crew.collect()
    crew.stop()
    await keeping
    print(collected.beside[0].samples[0][2], all(not report.answers for report in collected.reports))

asyncio.run(main())
nursery.close()
"""

KILLED = """
nursery = Nursery(hang, 30.0)
first, second = nursery.fork(again=False), nursery.fork(again=True)
print(first.recv(1), second.recv(1))
nursery.kill()
print(first.recv(1), second.recv(1))
nursery.close()
"""

LEFT = """
nursery = Nursery(hang, 0.5)
channel = nursery.fork(again=False)
channel.recv(1)
began = time.monotonic()
nursery.close()
print(0.4 < time.monotonic() - began < 5, channel.recv(1))
"""


def run(code: str) -> tuple[str, str]:
    ran = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code], capture_output=True, text=True, timeout=30, check=True
    )
    return ran.stdout.strip(), ran.stderr


def test_workers_that_crash_at_once_are_replaced_ever_more_slowly() -> None:
    out, log = run(CRASHING)
    restarts, nobody_answers = out.split()
    assert nobody_answers == "True"
    assert 4 <= float(restarts) <= 14  # without a backoff there would be hundreds
    assert log.count("ended with code 3") >= float(restarts)
    waits = [float(seconds) for seconds in re.findall(r"worker 0 ended; another takes its place in ([\d.]+) s", log)]
    assert waits[0] == 0.0
    assert max(waits) == waits[-1] > 0.3


def test_workers_that_hang_can_be_killed() -> None:
    out, log = run(KILLED)
    assert out.split("\n") == ["b'0' b'1'", "b'' b''"]
    assert log.count("does not end: it is killed") == log.count("ended with SIGKILL") == 2


def test_a_nursery_that_is_left_waits_for_its_workers_but_not_for_ever() -> None:
    began = time.monotonic()
    out, log = run(LEFT)
    assert out == "True b''"
    assert "does not end: it is killed" in log
    assert time.monotonic() - began < 20
