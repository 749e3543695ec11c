"""Somebody outside asks a training to save and leave."""

from tfaip.errors import TfaipError


class StopRequest:
    """Asked by a training at each place where it can stop; may be set by a signal handler or a thread.

    A training saves after the steps that run and leaves with `TrainingInterrupted`. What can be repeated, as
    a validation, is broken off.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Ask the training to leave."""
        self._is_set = True

    def is_set(self) -> bool:
        """Return whether the training is to leave."""
        return self._is_set

    def check(self) -> None:
        """Break off what runs, if the training is to leave.

        Raises:
            StopRequestedError: It is.
        """
        if self._is_set:
            raise StopRequestedError


class StopRequestedError(BaseException):  # code that catches all exceptions may not hold it up
    """Breaks off what can be repeated, on its way to who can save."""


class TrainingInterrupted(TfaipError):  # noqa: N818 - it is no error
    """The training was asked to leave, and has told its callbacks to save.

    Args:
        epoch: Epochs that are done.
        step: Steps of the epoch after them that are done.
    """

    def __init__(self, epoch: int, step: int) -> None:
        self.epoch, self.step = epoch, step
        where = f"after epoch {epoch}" if step == 0 else f"in epoch {epoch + 1} after step {step}"
        super().__init__(f"The training was asked to stop, and stopped {where}.")
