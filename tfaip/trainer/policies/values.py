"""The policies behind numbers that change during a training."""

import math
from collections.abc import Mapping
from typing import Any

from tfaip.trainer.policies.policy import Policy
from tfaip.trainer.policies.value_params import OnPlateau, ValueParams


class ValuePolicy(Policy):
    """A number that is a function of the time; it needs no state."""

    def __init__(self, params: ValueParams) -> None:
        self.params = params
        params.value_at(0)  # a mistake in it shows before the training

    @property
    def title(self) -> str:
        """How the log names this policy."""
        return f"{type(self.params).__name__} `{self.params.name}`"

    def value(self, *, epoch: int, step: int) -> float:
        """Return the number for the update that follows after `step` updates, in epoch `epoch` from 0."""
        return float(self.params.value_at(step if self.params.follows_steps else epoch))


class PlateauPolicy(ValuePolicy):
    """A number that changes when a value of the log no longer improves; see `OnPlateau`."""

    params: OnPlateau

    def __init__(self, params: OnPlateau) -> None:
        self.params = params
        self._current = params.initial
        self._best: float | None = None
        self._wait = 0

    def value(self, *, epoch: int, step: int) -> float:
        """Return the number as it is now."""
        return self._current

    def epoch_finished(
        self, epoch: int, *, train_losses: Mapping[str, Any], metrics: Mapping[str, Any]
    ) -> None:
        """Count the epochs without improvement; an epoch without the value does not count."""
        logs = {**train_losses, **metrics}
        if self.params.monitor not in logs:
            return
        value = float(logs[self.params.monitor])
        if self._is_better(value):
            self._best, self._wait = value, 0
            return
        self._wait += 1
        if self._wait >= self.params.patience:
            self._current, self._wait = self._limited(self._current * self.params.multiplier), 0

    def _is_better(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self._best is None:
            return True
        return value < self._best if self.params.mode == "min" else value > self._best

    def _limited(self, value: float) -> float:
        """Return `value`, or the limit if it lies between the initial value and `value`."""
        limit = self.params.limit
        return max(value, limit) if self.params.initial >= limit else min(value, limit)

    def get_state(self) -> Any:
        """Return value, best and count."""
        return {"current": self._current, "best": self._best, "wait": self._wait}

    def set_state(self, state: Any) -> None:
        """Go on from them."""
        self._current, self._best, self._wait = state["current"], state["best"], state["wait"]
