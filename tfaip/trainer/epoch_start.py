"""What was in force when an epoch started, for its logs."""

from dataclasses import asdict, dataclass, field
from typing import Any

from tfaip.trainer.optimizer.rates import current_rates


@dataclass(frozen=True)
class EpochStart:
    """The learning rates and the values of policies with which an epoch started.

    A run that goes on within the epoch cannot ask for them any more, so a checkpoint holds them.
    """

    epoch: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    policies: dict[str, float] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float]:
        """All of them by the names under which they are logged."""
        return {**self.rates, **{f"policy/{name}": value for name, value in self.policies.items()}}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return asdict(self)


def epoch_start(model: Any, epoch: int) -> EpochStart:
    """Return what was in force when `epoch` started; to be called at its start, or any time later."""
    known = getattr(model, "epoch_start", None)
    if known is None or known.epoch != epoch:
        known = EpochStart(epoch, current_rates(model), model.values.current())
        model.epoch_start = known
    return known
