"""Params of the policies that end a training."""

from dataclasses import dataclass, field
from typing import Any

from paiargparse import pai_dataclass, pai_meta

from tfaip.params.checks import check_number
from tfaip.trainer.policies.policy_params import PolicyParams


@pai_dataclass
@dataclass
class TrainLossBelowParams(PolicyParams):
    """End the training once the mean loss of an epoch is below a bound."""

    value: float = field(default=0.0, metadata=pai_meta(help="The bound."))
    loss: str = field(default="loss/mean_epoch", metadata=pai_meta(help="Name of the loss in the log."))

    def __post_init__(self) -> None:
        """Refuse a bound that is no number."""
        check_number("--trainer.policies.N.value", self.value)

    @staticmethod
    def cls() -> Any:
        """Return the policy."""
        from tfaip.trainer.policies.stopping import TrainLossBelow

        return TrainLossBelow


@pai_dataclass
@dataclass
class LossExplodesParams(PolicyParams):
    """End the training once the mean loss of an epoch is many times its minimum so far."""

    factor: float = field(default=4.0, metadata=pai_meta(help="How many times its minimum it may be."))
    loss: str = field(default="loss/mean_epoch", metadata=pai_meta(help="Name of the loss in the log."))

    def __post_init__(self) -> None:
        """Refuse a factor that every epoch exceeds."""
        check_number("--trainer.policies.N.factor", self.factor, more_than=1)

    @staticmethod
    def cls() -> Any:
        """Return the policy."""
        from tfaip.trainer.policies.stopping import LossExplodes

        return LossExplodes
