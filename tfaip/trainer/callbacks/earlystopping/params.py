"""Params of early stopping and of the best model, and their state between epochs."""

import math
from dataclasses import dataclass, field
from typing import Optional

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.checks import check_one_of


@pai_dataclass
@dataclass
class EarlyStoppingParams:
    """When a training ends before its last epoch, and where the best model is written.

    The fields `mode`, `current`, `monitor` and `n` are state: they are stored with each checkpoint,
    and a resumed training continues with them.
    """

    best_model_output_dir: Optional[str] = field(
        default=None,
        metadata=pai_meta(help="Folder of the best model. None: the output_dir of the trainer."),
    )
    best_model_name: str = field(
        default="best",
        metadata=pai_meta(help="Name of the best model in its folder; empty: the folder itself."),
    )
    frequency: int = field(
        default=1,
        metadata=pai_meta(
            help="Count an epoch without improvement only every this many epochs; 0 or less: never."
        ),
    )
    n_to_go: int = field(
        default=-1,
        metadata=pai_meta(
            help="Stop after this many counted epochs without a better model, where the best epoch "
            "itself is the first; 2 or more. 0 or less: never stop."
        ),
    )
    lower_threshold: float = field(
        default=-1e100,
        metadata=pai_meta(
            help="Value of the monitor. Where smaller is better: stop as soon as it is reached. "
            "Where larger is better: count epochs without improvement only once it is reached."
        ),
    )
    upper_threshold: float = field(
        default=1e100,
        metadata=pai_meta(
            help="Value of the monitor. Where larger is better: stop as soon as it is reached. "
            "Where smaller is better: count epochs without improvement only once it is reached."
        ),
    )
    mode: Optional[str] = field(default=None, metadata=pai_meta(mode="ignore"))
    current: Optional[float] = field(default=None, metadata=pai_meta(mode="ignore"))
    monitor: Optional[str] = field(default=None, metadata=pai_meta(mode="ignore"))
    n: int = field(default=1, metadata=pai_meta(mode="ignore"))

    def __post_init__(self) -> None:
        """Refuse a count that would end every training at once, and thresholds that cannot be."""
        if self.n_to_go == 1:
            raise UsageError(
                "`--early_stopping.n_to_go` 1 would end every training after its first epoch: the "
                "best epoch itself counts as 1. Use 2 or more, or -1 to train all epochs."
            )
        if math.isnan(self.lower_threshold) or math.isnan(self.upper_threshold):
            raise UsageError(
                "`--early_stopping.lower_threshold` and `--early_stopping.upper_threshold` must "
                f"be numbers, got {self.lower_threshold} and {self.upper_threshold}."
            )
        if self.lower_threshold > self.upper_threshold:
            raise UsageError(
                f"`--early_stopping.lower_threshold` ({self.lower_threshold}) must not be above "
                f"`--early_stopping.upper_threshold` ({self.upper_threshold})."
            )
        if self.mode is not None:
            check_one_of("early_stopping.mode", self.mode, ("min", "max"))
