"""How far the training is, on a terminal and in files."""

from typing import Any, Optional

import keras
import numpy as np

from tfaip.progress import NoProgress, Progress, ProgressLines, open_progress

_SILENT, _LINES = 0, 2


class TFAIPProgbarLogger(keras.callbacks.ProgbarLogger):
    """Shows epoch, step, rate, remaining time, losses and metrics on stderr.

    Mode 0 shows nothing; mode 1 a bar on a terminal and plain lines elsewhere; mode 2 plain lines always. It
    is called once per call into the compiled graph, which may hold many steps, and reads the values of the
    logs only when it draws: nobody waits for numbers that are not shown.

    Args:
        delta_time: Least seconds between two plain lines.
        mode: 0, 1 or 2; `None`: the `verbose` that the training loop hands to its callbacks.
        kwargs: Values for attributes of the class, for example `verbose`.
    """

    def __init__(self, delta_time: float = 5, *, mode: Optional[int] = None, **kwargs: Any) -> None:
        super().__init__()
        for name, value in kwargs.items():
            setattr(self, name, value)
        self._delta_time = delta_time
        self._mode = mode
        self._progress: Progress = NoProgress()
        self._is_in_fit = False

    def on_train_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Take note that validations belong to a training."""
        self._is_in_fit = True

    def on_train_end(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Put away what an epoch that was broken off has left."""
        self._is_in_fit = False
        self._progress.close()

    def on_epoch_begin(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Open a bar for the epoch."""
        self._open(f"Epoch {epoch + 1}/{self.epochs}", self.target)

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Show the results on the bar; as a line they stand in the log."""
        is_lines = isinstance(self._progress, ProgressLines)
        self._progress.close(None if is_lines else lambda: text_of_logs(logs))

    def on_train_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Show the progress, if it is time to."""
        self._progress.update(batch + 1, lambda: text_of_logs(logs))

    def on_test_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Open a bar, unless the validation belongs to an epoch."""
        if not self._is_in_fit:
            self._open("Evaluation", None)

    def on_test_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Show how far the validation is."""
        if self._is_in_fit:
            self._progress.update(self.target or 0, lambda: f"validation, batch {batch + 1}")
        else:
            self._progress.update(batch + 1, lambda: text_of_logs(logs))

    def on_test_end(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Show the results, unless the validation belongs to an epoch."""
        if not self._is_in_fit:
            self._progress.close(lambda: text_of_logs(logs))

    def on_predict_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Open a bar."""
        self._open("Prediction", self.target)

    def on_predict_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Show the progress."""
        self._progress.update(batch + 1, str)

    def on_predict_end(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Close the bar."""
        self._progress.close()

    def _open(self, title: str, total: Optional[int]) -> None:
        self._progress.close()
        mode = self.verbose if self._mode is None else self._mode
        if mode == _SILENT:
            self._progress = NoProgress()
            return
        self._progress = open_progress(
            total=total,
            title=title,
            unit="step",
            as_lines=mode == _LINES,
            seconds_between_lines=self._delta_time,
        )


def text_of_logs(logs: Optional[dict[str, Any]]) -> str:
    """Return the numbers in `logs` as text, sorted by name; arrays as their mean."""
    values = {name: np.asarray(value) for name, value in sorted((logs or {}).items())}
    numbers = {name: value for name, value in values.items() if value.dtype.kind in "fiub" and value.size}
    return " - ".join(f"{name}: {value.mean():.4f}" for name, value in numbers.items())
