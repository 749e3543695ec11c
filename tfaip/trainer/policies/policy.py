"""The base of all policies: the events of a training."""

from collections.abc import Mapping
from typing import Any


class Policy:
    """Follows a training: override the events it needs; none of them does anything here.

    Epochs count from 0, steps from 0 over the whole training. `raise EarlyStopping("reason")` in any event
    ends the training well: the epoch is finished and saved, and the exports are written. A policy that keeps
    something between epochs returns it from `get_state`, and goes on from it in `set_state` after a resume.
    """

    @property
    def title(self) -> str:
        """How the log names this policy."""
        return type(self).__name__

    def train_started(self) -> None:
        """The training starts or goes on; the state is restored already."""

    def epoch_started(self, epoch: int) -> None:
        """An epoch starts."""

    def step_started(self, step: int) -> None:
        """One or more steps start; `--trainer.steps_per_execution 1` makes them single."""

    def step_finished(self, step: int, *, train_losses: Mapping[str, Any]) -> None:
        """Step number `step` and those before it are done; the losses are means over the epoch so far."""

    def validation_started(self) -> None:
        """A validation starts."""

    def validation_finished(self, *, metrics: Mapping[str, Any]) -> None:
        """A validation is over; the names of its losses and metrics have no prefix here."""

    def epoch_finished(
        self, epoch: int, *, train_losses: Mapping[str, Any], metrics: Mapping[str, Any]
    ) -> None:
        """An epoch and its validation are over; called before the checkpoint is written.

        Args:
            epoch: Its number.
            train_losses: Means of the losses and metrics of the training, by name.
            metrics: What validations gave, as `val_<name>`, `val/<name>` and `lav_<list>_<name>`.
        """

    def train_finished(self) -> None:
        """The training has ended well."""

    def exception_raised(self, error: BaseException) -> None:
        """The training ends with `error`, which is raised again afterwards."""

    def get_state(self) -> Any:
        """Return what has to be known after a resume, as plain values; `None` for nothing."""
        return None

    def set_state(self, state: Any) -> None:
        """Go on from what `get_state` returned when the checkpoint was written."""
