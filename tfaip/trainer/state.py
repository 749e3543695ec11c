"""What a training knows about itself between two steps; saved with each checkpoint."""

from dataclasses import asdict, dataclass, field
from typing import Any

from tfaip.data.pipeline.stream import StreamPosition
from tfaip.trainer.callbacks.earlystopping.params import EarlyStoppingParams


@dataclass(frozen=True)
class BestState:
    """The best value so far, and for how many checks it has not been beaten.

    `n` starts at 1 with each better value and counts the checks since, as `EarlyStoppingParams` has it.
    """

    mode: str | None = None
    monitor: str | None = None
    current: float | None = None
    n: int = 1

    @classmethod
    def read(cls, params: EarlyStoppingParams) -> "BestState":
        """Return what `params` hold: scenarios read and reset the state there."""
        return cls(mode=params.mode, monitor=params.monitor, current=params.current, n=params.n)

    def write(self, params: EarlyStoppingParams) -> None:
        """Mirror this state in `params`."""
        params.mode, params.monitor = self.mode, self.monitor
        params.current, params.n = self.current, self.n


@dataclass
class TrainerState:
    """Where a training stands.

    Attributes:
        epoch: Epochs that are done.
        step: Steps that are done of the epoch after them.
        steps_per_epoch: Of how many steps that epoch is; 0 if no step of it is done.
        is_validation_left: Whether the validation after these steps was broken off.
        epoch_start: With which learning rates and policies that epoch started; see `EpochStart`.
        best: The best model so far.
        position: Where the next training batch starts in the input pipeline.
        schedules: By the name of a learning-rate schedule, what it knows beyond the number of epochs.
        callbacks: The states of callbacks and policies that have one, see `callback_states`.
    """

    epoch: int = 0
    step: int = 0
    steps_per_epoch: int = 0
    is_validation_left: bool = False
    epoch_start: dict[str, Any] = field(default_factory=dict)
    best: BestState = field(default_factory=BestState)
    position: StreamPosition = field(default_factory=StreamPosition)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "steps_per_epoch": self.steps_per_epoch,
            "is_validation_left": self.is_validation_left,
            "epoch_start": self.epoch_start,
            "best": asdict(self.best),
            "position": self.position.to_dict(),
            "schedules": self.schedules,
            "callbacks": self.callbacks,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "TrainerState":
        """Return the state that `to_dict` gave."""
        return cls(
            epoch=content["epoch"],
            step=content.get("step", 0),
            steps_per_epoch=content.get("steps_per_epoch", 0),
            is_validation_left=content.get("is_validation_left", False),
            epoch_start=content.get("epoch_start", {}),
            best=BestState(**content["best"]),
            position=StreamPosition.from_dict(content["position"]),
            schedules=content.get("schedules", {}),
            callbacks=content.get("callbacks", {}),
        )
