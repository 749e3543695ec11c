"""What a training knows about itself between two epochs; saved with each checkpoint."""

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
        best: The best model so far.
        position: Where the next training batch starts in the input pipeline.
        schedules: By the name of a learning-rate schedule, what it knows beyond the number of epochs.
        callbacks: The states of callbacks and policies that have one, see `callback_states`.
    """

    epoch: int = 0
    best: BestState = field(default_factory=BestState)
    position: StreamPosition = field(default_factory=StreamPosition)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return {
            "epoch": self.epoch,
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
            best=BestState(**content["best"]),
            position=StreamPosition.from_dict(content["position"]),
            schedules=content.get("schedules", {}),
            callbacks=content.get("callbacks", {}),
        )
