"""How far something is: a bar on a terminal, plain lines elsewhere, or nothing."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Optional, Protocol, TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")
Note = Callable[[], str]

_SECONDS_BETWEEN_DRAWINGS = 0.1  # as often as an eye can follow
_SECONDS_BETWEEN_LINES = 5.0
# A short bar, so that the note beside it has room.
_BAR_FORMAT = (
    "{desc} {percentage:3.0f}%|{bar:16}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
)


class Progress(Protocol):
    """Something that shows how much is done."""

    def update(self, done: int, note: Note) -> None:
        """Show that `done` units are done, if it is time to show something.

        Args:
            done: Units since the start.
            note: Called only if something is shown; returns what stands beside it.
        """
        ...

    def close(self, note: Optional[Note] = None) -> None:
        """Show the end, with a last note; do nothing if it is closed already."""
        ...


def open_progress(
    *,
    total: Optional[int],
    title: str,
    unit: str,
    as_lines: bool = False,
    seconds_between_lines: float = _SECONDS_BETWEEN_LINES,
    stream: Optional[TextIO] = None,
) -> Progress:
    """Return a bar if `stream` is a terminal, else plain lines.

    Args:
        total: Units until the end; `None`: unknown.
        title: What is going on.
        unit: Name of a unit, in the singular.
        as_lines: Plain lines on a terminal, too.
        seconds_between_lines: Least time between two plain lines.
        stream: Where to write; `None`: stderr.
    """
    out: TextIO = sys.stderr if stream is None else stream
    if is_terminal(out) and not as_lines:
        return ProgressBar(total=total, title=title, unit=unit, stream=out)
    return ProgressLines(
        total=total, title=title, unit=unit, seconds_between_lines=seconds_between_lines, stream=out
    )


def tqdm_wrapper(iterable: Iterable[T], *, progress_bar: bool = False, **kwargs: Any) -> Iterable[T]:
    """Return `iterable`, behind a progress bar if `progress_bar`.

    Args:
        iterable: What is iterated.
        progress_bar: Whether to show anything.
        kwargs: Arguments for `tqdm`; plain lines use `desc`, `total` and `unit`.
    """
    if not progress_bar:
        return iterable
    if is_terminal(sys.stderr):
        return tqdm(iterable, **kwargs)
    total = kwargs.get("total")
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)  # type: ignore[arg-type]
    lines = ProgressLines(
        total=total, title=kwargs.get("desc") or "Progress", unit=kwargs.get("unit", "item")
    )
    return _iterate(iterable, lines)


def is_terminal(stream: Any) -> bool:
    """Return whether a person watches `stream`."""
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and isatty()


class NoProgress:
    """Shows nothing."""

    def update(self, done: int, note: Note) -> None:
        """Do nothing."""

    def close(self, note: Optional[Note] = None) -> None:
        """Do nothing."""


class ProgressBar:
    """A bar with counts, rate, remaining time and a note."""

    def __init__(self, *, total: Optional[int], title: str, unit: str, stream: TextIO) -> None:
        self._bar = tqdm(
            total=total,
            desc=title,
            unit=unit,
            file=stream,
            dynamic_ncols=True,
            bar_format=_BAR_FORMAT if total is not None else None,
        )
        self._is_open = True
        self._drawn = time.monotonic()

    def update(self, done: int, note: Note) -> None:
        """Redraw the bar, at most ten times a second."""
        self._bar.n = done
        if time.monotonic() - self._drawn >= _SECONDS_BETWEEN_DRAWINGS:
            self._draw(note)
            self._drawn = time.monotonic()

    def close(self, note: Optional[Note] = None) -> None:
        """Draw the bar once more and leave it where it is."""
        if not self._is_open:
            return
        self._is_open = False
        if note is not None:
            self._draw(note)
        self._bar.close()

    def _draw(self, note: Note) -> None:
        self._bar.set_postfix_str(note(), refresh=False)
        self._bar.refresh()


class ProgressLines:
    """A line now and then, for files and for terminals that draw no bars."""

    def __init__(
        self,
        *,
        total: Optional[int],
        title: str,
        unit: str,
        seconds_between_lines: float = _SECONDS_BETWEEN_LINES,
        stream: Optional[TextIO] = None,
    ) -> None:
        self._total = total
        self._title = title
        self._unit = unit
        self._seconds_between_lines = seconds_between_lines
        self._stream = sys.stderr if stream is None else stream
        self._started = self._written = self._counted = time.monotonic()
        self._done = 0
        self._is_open = True

    def update(self, done: int, note: Note) -> None:
        """Write a line, if the last one is old enough."""
        now = time.monotonic()
        if done != self._done:
            self._done, self._counted = done, now
        if now - self._written >= self._seconds_between_lines:
            self._write(note())

    def close(self, note: Optional[Note] = None) -> None:
        """Write a last line."""
        if self._is_open:
            self._is_open = False
            self._write(note() if note is not None else "")

    def _write(self, note: str) -> None:
        self._written = time.monotonic()
        line = progress_line(self._title, self._unit, self._done, self._total, self._written - self._started)
        self._stream.write(f"{line}: {note}\n" if note else f"{line}\n")
        self._stream.flush()


def progress_line(title: str, unit: str, done: int, total: Optional[int], seconds: float) -> str:
    """Return one line: the title, counts, the rate, and the time that passed or remains.

    >>> progress_line("Epoch 1/3", "step", 50, 200, 10.0)
    'Epoch 1/3, 50/200 steps (25 %), 5.0 steps/s, 0:30 left'
    """
    rate = done / seconds if seconds > 0 else 0.0
    parts = [title, f"{done} {unit}s", f"{rate:.1f} {unit}s/s"]
    if total:
        parts[1] = f"{done}/{total} {unit}s ({100 * done // total} %)"
        remaining = (total - done) / rate if rate > 0 else None
        if done >= total:
            parts.append(f"took {clock(seconds)}")
        elif remaining is not None:
            parts.append(f"{clock(remaining)} left")
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """Return a duration as `m:ss` or `h:mm:ss`."""
    minutes, seconds_left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{seconds_left:02d}"
    return f"{minutes}:{seconds_left:02d}"


def _iterate(iterable: Iterable[T], progress: Progress) -> Iterator[T]:
    for done, item in enumerate(iterable, start=1):
        yield item
        progress.update(done, _no_note)
    progress.close()


def _no_note() -> str:
    return ""
