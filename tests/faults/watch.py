"""What must hold all the time, and not only in the end."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.faults.installation import Pod
from tests.support.waiting import wait_until

_LOOK_SECONDS = 0.05


class Watch:
    """Asks pods again and again what they serve, and remembers what must not be."""

    def __init__(self, pods: Sequence[Pod], fewest_apis: int) -> None:
        self._pods = pods
        self._fewest_apis = fewest_apis
        self._last: dict[tuple[str, int | None], int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.wrong: list[str] = []
        self.looks = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(20)

    def _look(self) -> None:
        over = False
        while not over:
            over = self._stopping.wait(_LOOK_SECONDS)
            for pod in self._pods:  # when it is over, too: a block may be shorter than the pause
                self._look_at(pod)

    def _look_at(self, pod: Pod) -> None:
        pid = pod.program.pid
        config = pod.config()
        if pid is None or pid != pod.program.pid or config.get("revision") is None:
            return  # it is not there, or not yet
        self.looks += 1
        name, run = pod.program.name, (pod.program.name, pid)
        last = self._last.get(run, 0)
        if config["revision"] < last:
            self.wrong.append(f"{name} went back from revision {last} to {config['revision']}")
        if config["apis"] < self._fewest_apis:
            self.wrong.append(f"{name} serves {config['apis']} APIs of {self._fewest_apis}")
        self._last[run] = config["revision"]


@contextmanager
def nothing_lost(pods: Sequence[Pod], fewest_apis: int | None = None) -> Iterator[None]:
    """While the block runs no pod's revision goes back, and no API vanishes of those that were there."""
    if fewest_apis is None:
        fewest_apis = min(wait_until(pod.config)["apis"] for pod in pods)
    watch = Watch(pods, fewest_apis)
    watch.start()
    try:
        yield
    finally:
        watch.stop()
    assert watch.looks
    assert not watch.wrong, watch.wrong
