"""Errors a user can cause, each with the exit code that a command ends with.

The codes are the table in `docs/reference/exit_codes.md`. Every other exception is a bug of ours or of the
user's own code and ends a command with code 1 and its traceback.
"""

import signal


class TfaipError(Exception):
    """An error with one line for the user: what is wrong, where, and what to do."""

    exit_code = 1


class UsageError(TfaipError, ValueError):
    """A flag, a parameter or a scenario name is wrong; nothing was started or written."""

    exit_code = 2


class DataError(TfaipError, ValueError):
    """The data pipeline delivered something other than its specification says."""

    exit_code = 3


class StorageError(TfaipError, OSError):
    """A checkpoint or an export could not be written or read."""

    exit_code = 4


class NonFiniteError(TfaipError, ArithmeticError):
    """A loss, a gradient or a weight is NaN or infinite."""

    exit_code = 5


class UntrustedError(TfaipError):
    """A file names code that is not on the list of what may be loaded."""

    exit_code = 6


class StoppedBySignal(TfaipError, KeyboardInterrupt):  # noqa: N818 - it is no error
    """A signal ended a training, which is saved as far as the text says.

    Args:
        number: Of the signal.
        text: What is saved, and how to go on.
    """

    def __init__(self, number: int, text: str):
        super().__init__(f"{signal.Signals(number).name}: {text}")
        self.exit_code = 128 + number


class EarlyStopping(Exception):  # noqa: N818 - it is no error
    """No error: ends a training well, with its exports, when a callback or a policy raises it.

    The text is the reason, for the log. Raised while an epoch runs, it ends the training after that epoch, so
    that a checkpoint is never cut in half; raised at the start of an epoch, that epoch is not trained.
    """
