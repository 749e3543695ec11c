"""Logging for programs: the console, and a file beside it. Importing this module changes nothing."""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

from tfaip.errors import StorageError, UsageError
from tfaip.printable import without_controls

FORMAT = "{levelname:<8s} {asctime} {name:>30.30s}: {message}"


class _Formatter(logging.Formatter):
    """Escapes what a terminal would obey: names of samples and classes come from data."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a message, or its lines."""
        return without_controls(super().format(record))


formatter = _Formatter(FORMAT, style="{")

# The level that the process was started with; `setup_logging` reads the variable again.
TFAIP_LOG_LEVEL = os.environ.get("TFAIP_LOG_LEVEL", "INFO")

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_EPOCH_RESULTS = "Results of epoch"
_METRIC = re.compile(r"([\w/]+): (-?(?:\d[\d.]*(?:e[+-]?\d+)?|nan|inf))")


def setup_logging() -> None:
    """Send the messages of the program to stderr, from the level `TFAIP_LOG_LEVEL` on (default `INFO`).

    Programs call it once at their start; a second call changes the level only.

    Raises:
        UsageError: The variable holds no level.
    """
    root = logging.getLogger()
    root.setLevel(level_from_environment())
    if not any(isinstance(handler, _ConsoleHandler) for handler in root.handlers):
        handler = _ConsoleHandler()
        handler.setFormatter(formatter)
        root.addHandler(handler)
    # They announce every file of every export, and every name that they change in it.
    for library in ("tensorflow", "absl"):
        logging.getLogger(library).setLevel(max(logging.WARNING, root.level))


def level_from_environment() -> int:
    """Return the logging level that the environment variable `TFAIP_LOG_LEVEL` names, in any case."""
    name = os.environ.get("TFAIP_LOG_LEVEL") or "INFO"
    if name.upper() not in _LEVELS:
        raise UsageError(
            f"The environment variable `TFAIP_LOG_LEVEL` must be one of {', '.join(_LEVELS)}, got {name!r}."
        )
    return logging.getLevelNamesMapping()[name.upper()]


def logger(name: str) -> logging.Logger:
    """Return the logger called `name`."""
    return logging.getLogger(name)


class WriteToLogFile:
    """Write all messages of a program to a file as well, while the `with` block runs.

    An exception that leaves the block is written with its traceback, to the file only. In a program without
    any logging set up, `setup_logging` is called.

    Args:
        log_dir: Folder of the file; it is created.
        append: Continue the file, after a line with the date, instead of replacing it.
        log_name: Name of the file.
    """

    def __init__(self, log_dir: str | os.PathLike[str], append: bool, log_name: str = "train.log") -> None:
        self._path = Path(log_dir) / log_name
        self._append = append
        self._handler: Optional[logging.FileHandler] = None
        self._level_before = logging.NOTSET

    def __enter__(self) -> "WriteToLogFile":
        root = logging.getLogger()
        if not root.handlers:
            setup_logging()
        self._handler = self._open()
        self._level_before = root.level
        root.setLevel(min(root.level, level_from_environment()))
        root.addHandler(self._handler)
        return self

    def __exit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_val: Optional[BaseException],
        exc_tb: Optional[TracebackType],
    ) -> None:
        handler, self._handler = self._handler, None
        if handler is None:
            return
        if exc_type is not None and exc_val is not None and not issubclass(exc_type, SystemExit):
            handler.handle(_exception_record(exc_type, exc_val, exc_tb))
        root = logging.getLogger()
        root.removeHandler(handler)
        root.setLevel(self._level_before)
        handler.close()

    def _open(self) -> logging.FileHandler:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            continues = self._append and self._path.exists() and self._path.stat().st_size > 0
            with self._path.open("a" if self._append else "w", encoding="utf-8") as file:
                if continues:
                    title = f" Continued on {datetime.now():%Y-%m-%d %H:%M:%S} "
                    file.write(f"\n{title:-^110}\n")
            handler = _LogFile(self._path, mode="a", encoding="utf-8")
        except OSError as error:
            raise StorageError(
                f"The log file `{self._path}` cannot be written: {error.strerror or error}. "
                "Choose another output folder, or make this one writable."
            ) from error
        handler.setFormatter(formatter)
        return handler


class ParseLogFile:
    """Read the results of the last epoch from a log file.

    Args:
        log_dir: Folder of the file.
        log_name: Name of the file.
    """

    def __init__(self, log_dir: str | os.PathLike[str], log_name: str = "train.log") -> None:
        self._path = Path(log_dir) / log_name

    def get_metrics(self) -> dict[str, str]:
        """Return the values of the last finished epoch as text, by name; without a file, nothing."""
        last = ""
        for line in self._lines():
            _, found, results = line.partition(_EPOCH_RESULTS)
            last = results if found else last
        return dict(_METRIC.findall(last))

    def _lines(self) -> Iterator[str]:
        if self._path.exists():
            with self._path.open(encoding="utf-8", errors="replace") as file:
                yield from file


class _ConsoleHandler(logging.StreamHandler[Any]):
    """Writes to stderr, and keeps progress bars below the messages."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr  # it may have been replaced since
        with _bars_put_away(self.stream):
            super().emit(record)


class _LogFile(logging.FileHandler):
    """A file that a program does without when it cannot be written any more, as on a full disk."""

    _is_lost = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._is_lost:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is given
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._is_lost = True
        logging.getLogger(__name__).warning(
            "`%s` cannot be written: %s. It ends here; what follows is on the console only.",
            self.baseFilename,
            error.strerror or error,
        )

    def close(self) -> None:
        with suppress(OSError):  # what is buffered cannot be written either
            super().close()


def _bars_put_away(stream: Any) -> AbstractContextManager[Any]:
    """Clear the progress bars of this process; they are drawn again at the end of the block."""
    tqdm = sys.modules.get("tqdm")  # not loaded: there are no bars
    return nullcontext() if tqdm is None else tqdm.tqdm.external_write_mode(file=stream)


def _exception_record(
    exc_type: type[BaseException], exc_val: BaseException, exc_tb: Optional[TracebackType]
) -> logging.LogRecord:
    level = logging.WARNING if issubclass(exc_type, KeyboardInterrupt) else logging.CRITICAL
    message = f"Ended by {exc_type.__name__}: {exc_val}"
    return logging.LogRecord(__name__, level, __file__, 0, message, None, (exc_type, exc_val, exc_tb))
