"""What went wrong in a worker, in words, so that it reaches the user as if it had happened here."""

import signal
import traceback
from dataclasses import dataclass, field

import tfaip.errors
from tfaip.errors import DataError, TfaipError

_LONGEST_TEXT = 12_000  # characters of a traceback, the end of it counts


@dataclass(frozen=True)
class Failure:
    """An exception as text: its class, its message, its notes and its traceback."""

    class_name: str
    message: str
    traceback: str
    notes: list[str] = field(default_factory=list)

    @staticmethod
    def of(error: BaseException) -> "Failure":
        """Return what is to be known about `error`."""
        text = "".join(traceback.format_exception(error))
        notes = [str(note) for note in getattr(error, "__notes__", [])]
        known = next((c.__name__ for c in type(error).__mro__ if c in _ERRORS), type(error).__name__)
        return Failure(known, _clipped(str(error)), _clipped(text), notes)

    def to_error(self, where: str, doing: str = "") -> TfaipError:
        """Return an exception to raise here.

        Args:
            where: Which process it was, for the message.
            doing: What it did, for errors that do not say so themselves.
        """
        error_cls = next((c for c in _ERRORS if c.__name__ == self.class_name), None)
        if error_cls is None:
            error = DataError(
                f"{doing or 'the work'} failed in {where} with {self.class_name}: {self.message}"
            )
        else:
            error = error_cls(f"{self.message} (in {where})")
        for note in self.notes:
            error.add_note(note)
        error.__cause__ = WorkerError(self.traceback)
        return error


class WorkerError(Exception):
    """The traceback of a worker, as the cause of the error that is raised here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def how_it_ended(exit_code: int) -> str:
    """Return what an exit code says, as the end of a sentence about a worker."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    number = -exit_code
    hints = {
        signal.SIGKILL: ", often out of memory",
        signal.SIGSEGV: " (SIGSEGV) in native code",
        signal.SIGBUS: " (SIGBUS) in native code, often for lack of shared memory",
        signal.SIGABRT: " (SIGABRT) in native code",
        signal.SIGFPE: " (SIGFPE) in native code",
        signal.SIGILL: " (SIGILL) in native code",
    }
    return f"killed by signal {number}{hints.get(signal.Signals(number), '')}"


_ERRORS: list[type[TfaipError]] = [
    c for c in vars(tfaip.errors).values() if isinstance(c, type) and issubclass(c, TfaipError)
]


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"...{text[-_LONGEST_TEXT:]}"
