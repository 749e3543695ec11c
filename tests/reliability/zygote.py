"""Start many trainings for the price of one import of TensorFlow.

`python -m tests.reliability.zygote` imports what a training needs, but computes nothing. For each line on
stdin it forks a process that runs a program of tfaip as its command line would, in a process group of its
own, and prints its number.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]


class Zygote:
    """The side of the tests."""

    def __init__(self) -> None:
        env = {
            **os.environ,
            "PYTHONPATH": str(_ROOT),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            cwd=_ROOT,
        )

    def start(self, folder: Path, script: str, *words: object, **options: Any) -> "Training":
        """Start `script` in `folder`, which gets its `stdout` and `stderr`."""
        folder.mkdir(parents=True, exist_ok=True)
        order = {"folder": str(folder), "script": script, "words": [str(word) for word in words], **options}
        return Training(self, self.ask(order), folder)

    def ask(self, order: dict[str, Any]) -> int:
        """Send an order and return the answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=20)


class Training:
    """A started program."""

    def __init__(self, zygote: Zygote, pid: int, folder: Path):
        self.pid = pid
        self._zygote = zygote
        self._folder = folder

    def send(self, number: int) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def send_to_group(self, number: int) -> None:
        """Send a signal to the process and its children, as a terminal does."""
        os.killpg(self.pid, number)

    def wait(self) -> int:
        """Return the exit code, negative after a signal."""
        return os.waitstatus_to_exitcode(self._zygote.ask({"wait": self.pid}))

    @property
    def stderr(self) -> str:
        """What the program has said."""
        return (self._folder / "stderr").read_text()

    @property
    def stdout(self) -> str:
        """What the program has printed."""
        return (self._folder / "stdout").read_text()


def _serve() -> None:
    import tensorflow  # noqa: F401

    for name in (
        "tests.reliability.slow_toy",
        "tests.toy.scenario",
        "tfaip.trainer.trainer",
        "tfaip.imports",
    ):
        importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        answer = os.waitpid(order["wait"], 0)[1] if "wait" in order else os.fork()
        if answer == 0 and "wait" not in order:
            _run(order)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _run(order: dict[str, Any]) -> None:
    """Become the program; never return."""
    code = 70
    try:
        os.setsid()
        os.chdir(order.get("cwd", order["folder"]))
        _redirect(0, os.devnull, os.O_RDONLY)
        for number, name in ((1, "stdout"), (2, "stderr")):
            file = order.get(name, os.path.join(order["folder"], name))
            _redirect(number, file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.environ.update(order.get("env", {}))
        if "largest_file" in order:
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"],) * 2)
        sys.argv = [order["script"], *order["words"]]
        importlib.import_module(f"tfaip.scripts.{order['script']}").run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:  # noqa: BLE001 - nothing may return to the server
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _redirect(number: int, file: str, flags: int) -> None:
    handle = os.open(file, flags, 0o666)
    os.dup2(handle, number)
    os.close(handle)


if __name__ == "__main__":
    _serve()
