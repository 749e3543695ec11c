"""Params of the constant learning rate."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Type

from paiargparse import pai_dataclass

from tfaip.trainer.scheduler.learningrate_params import LearningRateParams

if TYPE_CHECKING:
    from tfaip.trainer.scheduler.constant import ConstantSchedule


@pai_dataclass
@dataclass
class Constant(LearningRateParams):
    """The base learning rate, from the first step to the last."""

    @staticmethod
    def cls() -> "Type[ConstantSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.constant import ConstantSchedule

        return ConstantSchedule
