"""How a worker process is started, and what it does before anything else.

A worker is a new Python program, never a fork: threads of TensorFlow do not survive one. It imports what its
job is made of and nothing else; above all not the script that was started, unless the job is defined there.
"""

import faulthandler
import fcntl
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.spawn import get_executable
from typing import Any

from tfaip.errors import UsageError

DUMP_SIGNAL = signal.SIGUSR1  # lets a worker write the stacks of its threads

# A worker takes one core, and no accelerator away from the training. What the user sets stays.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONHASHSEED": "0",  # sets of texts have the same order in all workers
}
_NO_DEVICES = {"CUDA_VISIBLE_DEVICES": "-1"}

_PROGRAM = (
    "import json, sys; given = json.loads(sys.argv[1]); sys.path[:] = given['path']; "
    "from tfaip.workers.worker import main; main(given)"
)

_is_importing_main = False


@dataclass(frozen=True)
class Connections:
    """The descriptors that a worker inherits.

    Fields: `memory` is the shared memory, `tasks` is read, `results` is written, `life` is a socket that
    tells each side when the other one ends, `reports` takes the stacks of crashes.
    """

    memory: int
    tasks: int
    results: int
    life: int
    reports: int

    def all(self) -> tuple[int, ...]:
        """Return the descriptors."""
        return tuple(asdict(self).values())


def start_process(number: int, serial: int, connections: Connections, folder: str) -> subprocess.Popen[bytes]:
    """Start a worker.

    Args:
        number: Its number for users.
        serial: A number that no other worker of the pool ever has.
        connections: What it inherits.
        folder: Its working directory.
    """
    given = {"number": number, "serial": serial, "path": sys.path, "argv": sys.argv, **asdict(connections)}
    return subprocess.Popen(
        [get_executable(), "-c", _PROGRAM, json.dumps(given), "tfaip-worker"],
        stdin=subprocess.DEVNULL,
        env={**_ENVIRONMENT, **os.environ, **_NO_DEVICES},
        cwd=folder,
        pass_fds=connections.all(),
        process_group=0,  # Ctrl-C in a terminal is for the parent, which ends its workers
    )


def settle(given: Mapping[str, Any]) -> Connections:
    """Do what a new worker does first; return its connections."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connections = Connections(**{name: given[name] for name in Connections.__annotations__})
    for descriptor in connections.all():
        os.set_inheritable(descriptor, False)
    _die_with(connections.life)
    faulthandler.enable(connections.reports)
    faulthandler.register(DUMP_SIGNAL, connections.reports, all_threads=True)
    sys.argv = list(given["argv"])
    return connections


def import_main(kind: str, which: str) -> None:
    """Import the script that was started, as the home of what the job uses.

    Raises:
        UsageError: if it starts workers itself, which would start more, and so on.
    """
    global _is_importing_main
    module = types.ModuleType("__mp_main__")
    sys.modules["__main__"] = sys.modules["__mp_main__"] = module
    _is_importing_main = True
    try:
        run = runpy.run_path if kind == "path" else runpy.run_module
        module.__dict__.update(run(which, run_name="__mp_main__"))
    except SystemExit as error:
        raise UsageError(_no_guard(which)) from error
    finally:
        _is_importing_main = False


def require_guard() -> None:
    """Refuse to start workers while a worker imports the script that was started."""
    if _is_importing_main:
        raise UsageError(_no_guard(sys.argv[0] if sys.argv else "the script"))


def _no_guard(script: str) -> str:
    return (
        f'{script} must do its work below `if __name__ == "__main__":`. Worker processes import it, for a '
        "processor or its params are defined in it; they would start everything again. Add that line, move "
        "the processor into a module of its own, or set `run_parallel` to false."
    )


def _die_with(life: int) -> None:
    """Let the system end this process, whatever it is doing, as soon as its parent has ended."""
    if sys.platform == "linux":
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    waiting = select.poll()
    waiting.register(life, 0)
    if waiting.poll(0):  # it has ended already
        os._exit(1)


class HeavyImports:
    """Notes which module of the user is the first to load TensorFlow or Keras."""

    def __init__(self) -> None:
        self.culprit: str | None = None

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        """Look at each import that begins; find nothing, so that it goes on."""
        if name in ("tensorflow", "keras") and self.culprit is None:
            self.culprit = _importing_module()

    def install(self) -> None:
        """Watch from now on."""
        sys.meta_path.insert(0, self)  # type: ignore[arg-type] - what Python asks for is `find_spec`

    def take(self) -> str | None:
        """Return the module if it was not returned before."""
        culprit, self.culprit = self.culprit, "" if self.culprit else None
        return culprit or None


def _importing_module() -> str:
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith("importlib"):
            return name
        frame = frame.f_back
    return "unknown"
