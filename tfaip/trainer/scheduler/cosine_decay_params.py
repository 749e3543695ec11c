"""Params of the schedules that end in half a cosine."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.trainer.scheduler.exponential_decay_params import ExponentialDecayParams
from tfaip.trainer.scheduler.learningrate_params import check_learning_rate

if TYPE_CHECKING:
    from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


@pai_dataclass(alt="CosineDecay")
@dataclass
class CosineDecayParams(ExponentialDecayParams):
    """Exponential decay; half a cosine down to `alpha` over the last `final_epochs`."""

    alpha: float = field(
        default=0.1,
        metadata=pai_meta(help="Factor at the end of the cosine, in [0, 1]."),
    )
    final_epochs: int = field(
        default=50,
        metadata=pai_meta(help="Epochs of the cosine at the end of the training; 0: no cosine."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_learning_rate("alpha", self.alpha, at_least=0, at_most=1)
        check_learning_rate("final_epochs", self.final_epochs, at_least=0)

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.cosine_decay import CosineDecaySchedule

        return CosineDecaySchedule


@pai_dataclass(alt="WarmupCosineDecay")
@dataclass
class WarmupCosineDecayParams(CosineDecayParams):
    """A linear warm-up from `lr / warmup_factor` to `lr`, then as `CosineDecayParams`."""

    warmup_epochs: int = field(
        default=10,
        metadata=pai_meta(help="Epochs of the warm-up; 0: none."),
    )
    warmup_factor: int = field(
        default=10,
        metadata=pai_meta(help="The warm-up starts at lr / warmup_factor; 1 or more."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_learning_rate("warmup_epochs", self.warmup_epochs, at_least=0)
        check_learning_rate("warmup_factor", self.warmup_factor, at_least=1)

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.cosine_decay import WarmupCosineDecaySchedule

        return WarmupCosineDecaySchedule


@pai_dataclass(alt="WarmupConstantCosineDecay")
@dataclass
class WarmupConstantCosineDecayParams(WarmupCosineDecayParams):
    """A warm-up, `constant_epochs` at `lr`, then as `CosineDecayParams`."""

    constant_epochs: int = field(
        default=10,
        metadata=pai_meta(help="Epochs at the base rate between warm-up and decay."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_learning_rate("constant_epochs", self.constant_epochs, at_least=0)

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.cosine_decay import WarmupConstantCosineDecaySchedule

        return WarmupConstantCosineDecaySchedule
