"""How long things take: a stopwatch, and scopes that are summed up by name.

Scopes count only if profiling is enabled, by `enable_profiling(True)` or by the environment variable
`TFAIP_PROFILING=1`. `TFAIP_PROFILING_FORMAT` is the format of the seconds in the table (default `<9.3`).
"""

import functools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional, ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class MeasureTime:
    """A stopwatch: the seconds spent in a `with` block.

    Attributes:
        duration: Seconds of the finished block; 0 before.
    """

    def __init__(self) -> None:
        self.duration = 0.0
        self._started = 0.0

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        return self

    def __exit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_val: Optional[BaseException],
        exc_tb: Optional[TracebackType],
    ) -> None:
        self.duration = self.duration_till_now()

    def duration_till_now(self) -> float:
        """Return the seconds since the block was entered."""
        return time.perf_counter() - self._started


class ProfileScope(MeasureTime):
    """A stopwatch whose time is added to what was measured under the same name.

    Args:
        name: The line in the table of `print_profiling`.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __exit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_val: Optional[BaseException],
        exc_tb: Optional[TracebackType],
    ) -> None:
        super().__exit__(exc_type, exc_val, exc_tb)
        if _settings.enabled:
            with _lock:
                _scopes.setdefault(self._name, _Scope()).add(self.duration)


def profile(fn: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function: each call is a scope under the function's qualified name."""
    name = f"{fn.__module__}.{fn.__qualname__}"

    @functools.wraps(fn)
    def measured(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _settings.enabled:
            return fn(*args, **kwargs)
        with ProfileScope(name):
            return fn(*args, **kwargs)

    return measured


def enable_profiling(enable: bool) -> None:
    """Count scopes from now on, or stop doing so; what was measured is kept."""
    _settings.enabled = enable


def format_profiling(format_str: str) -> None:
    """Set the format of the seconds in the table, for example `<9.3`."""
    _settings.seconds_format = format_str


def print_profiling(print_fn: Callable[[str], Any] = print) -> None:
    """Print what was measured, the longest first; nothing unless profiling is enabled."""
    if not _settings.enabled:
        return
    with _lock:
        scopes = sorted(_scopes.items(), key=lambda item: -item[1].total)
    print_fn(_row("scope", ["calls", "total [s]", "mean [s]", "max [s]"]))
    for name, scope in scopes:
        seconds = (scope.total, scope.total / scope.calls, scope.longest)
        print_fn(_row(name, [str(scope.calls), *(f"{x:{_settings.seconds_format}}" for x in seconds)]))


@dataclass
class _Scope:
    calls: int = 0
    total: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        self.calls += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)


@dataclass
class _Settings:
    enabled: bool
    seconds_format: str


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<60s} " + " ".join(f"{cell:<9s}" for cell in cells)


_settings = _Settings(
    enabled=os.environ.get("TFAIP_PROFILING", "0") == "1",
    seconds_format=os.environ.get("TFAIP_PROFILING_FORMAT", "<9.3"),
)
_scopes: dict[str, _Scope] = {}
_lock = threading.Lock()
