"""Policies that end a training."""

from collections.abc import Mapping
from typing import Any

from tfaip.errors import EarlyStopping, UsageError
from tfaip.params.suggestions import did_you_mean
from tfaip.trainer.policies.policy import Policy
from tfaip.trainer.policies.stopping_params import LossExplodesParams, TrainLossBelowParams


class TrainLossBelow(Policy):
    """End the training once the loss of an epoch is below a bound."""

    def __init__(self, params: TrainLossBelowParams) -> None:
        self._params = params

    def epoch_finished(
        self, epoch: int, *, train_losses: Mapping[str, Any], metrics: Mapping[str, Any]
    ) -> None:
        """Compare the loss with the bound."""
        loss = number_named("loss", self._params.loss, train_losses)
        if loss < self._params.value:
            raise EarlyStopping(f"`{self._params.loss}` is {loss:.6g}, below {self._params.value:g}")


class LossExplodes(Policy):
    """End the training once the loss of an epoch is many times its minimum so far."""

    def __init__(self, params: LossExplodesParams) -> None:
        self._params = params
        self._smallest: float | None = None

    def epoch_finished(
        self, epoch: int, *, train_losses: Mapping[str, Any], metrics: Mapping[str, Any]
    ) -> None:
        """Compare the loss with its minimum; one that is not positive has no multiples."""
        loss = number_named("loss", self._params.loss, train_losses)
        smallest = loss if self._smallest is None else min(loss, self._smallest)
        self._smallest = smallest
        if smallest > 0 and loss > self._params.factor * smallest:
            raise EarlyStopping(
                f"`{self._params.loss}` is {loss:.6g}, more than {self._params.factor:g} times its minimum "
                f"{smallest:.6g}"
            )

    def get_state(self) -> Any:
        """Return the minimum."""
        return self._smallest

    def set_state(self, state: Any) -> None:
        """Go on from a minimum."""
        self._smallest = state


def number_named(field: str, name: str, logs: Mapping[str, Any]) -> float:
    """Return the number `name` in `logs`, which the field of a policy names.

    Raises:
        UsageError: It is not there; with those that are.
    """
    if name not in logs:
        raise UsageError(
            f"`--trainer.policies.N.{field} {name}` is not logged; there are: {', '.join(sorted(logs))}."
            f"{did_you_mean(name, list(logs))}"
        )
    return float(logs[name])
