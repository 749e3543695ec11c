"""Numbers that change during a training, as pure functions of epoch and step."""

from dataclasses import dataclass, field
from typing import Any, List

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.checks import check_number, check_one_of
from tfaip.params.stored_params import NAMES_CODE
from tfaip.params.user_modules import import_user_module
from tfaip.trainer.policies.policy_params import PolicyParams

LEARNING_RATE = "learning_rate"  # the name of the value that is the learning rate
_BY_EPOCH, _BY_STEP = "epoch", "step"


@pai_dataclass
@dataclass
class ValueParams(PolicyParams):
    """A number with a name, which losses read as `self.value(name, default)` of their model.

    Override `value_at`; `time` is the number of epochs, or of updates of the weights, that are done.
    """

    name: str = field(
        default="",
        kw_only=True,
        metadata=pai_meta(
            help="The name by which losses read the value, or learning_rate; logged as policy/<name>."
        ),
    )
    by: str = field(
        default=_BY_EPOCH,
        kw_only=True,
        metadata=pai_meta(help="What it follows: epoch, or step for the updates of the weights."),
    )

    def __post_init__(self) -> None:
        """Refuse a clock that does not exist."""
        check_one_of("--trainer.policies.N.by", self.by, (_BY_EPOCH, _BY_STEP))

    @property
    def follows_steps(self) -> bool:
        """Whether the value may change within an epoch."""
        return self.by == _BY_STEP

    def value_at(self, time: int) -> float:
        """Return the value after `time` epochs or updates."""
        raise NotImplementedError(
            f"`{type(self).__name__}.value_at` is missing: return the value after `time` epochs or steps."
        )

    @staticmethod
    def cls() -> Any:
        """Return the policy that only follows the function."""
        from tfaip.trainer.policies.values import ValuePolicy

        return ValuePolicy


@pai_dataclass
@dataclass
class Constant(ValueParams):
    """A value that stays."""

    initial: float = field(default=1.0, metadata=pai_meta(help="The value."))

    def value_at(self, time: int) -> float:
        """Return the value."""
        return self.initial


@pai_dataclass
@dataclass
class Exponential(ValueParams):
    """`initial * multiplier ** (time // every)`."""

    initial: float = field(default=1.0, metadata=pai_meta(help="The first value."))
    multiplier: float = field(default=0.5, metadata=pai_meta(help="The factor."))
    every: int = field(default=1, metadata=pai_meta(help="Epochs or steps between two changes."))

    def __post_init__(self) -> None:
        """Refuse changes that come less than a step apart."""
        super().__post_init__()
        check_number("--trainer.policies.N.every", self.every, at_least=1)

    def value_at(self, time: int) -> float:
        """Return the value of the staircase."""
        return self.initial * self.multiplier ** (time // self.every)


@pai_dataclass
@dataclass
class Schedule(ValueParams):
    """One value after the other, in a list; the last stays."""

    values: List[float] = field(default_factory=lambda: [1.0], metadata=pai_meta(help="The values."))
    every: int = field(default=1, metadata=pai_meta(help="Epochs or steps for which each holds."))

    def __post_init__(self) -> None:
        """Refuse an empty list."""
        super().__post_init__()
        check_number("--trainer.policies.N.every", self.every, at_least=1)
        if not self.values:
            raise UsageError("`--trainer.policies.N.values` must hold at least one value, got none.")

    def value_at(self, time: int) -> float:
        """Return the entry of the list."""
        return self.values[min(time // self.every, len(self.values) - 1)]


@pai_dataclass
@dataclass
class Switch(ValueParams):
    """Values that each begin at a time of their own."""

    initial: float = field(default=1.0, metadata=pai_meta(help="The value before all of them."))
    starts: List[int] = field(
        default_factory=list, metadata=pai_meta(help="Epochs or steps at which the values begin, rising.")
    )
    values: List[float] = field(
        default_factory=list, metadata=pai_meta(help="The values, as many as starts.")
    )

    def __post_init__(self) -> None:
        """Refuse lists that do not belong together."""
        super().__post_init__()
        if len(self.starts) != len(self.values) or sorted(set(self.starts)) != list(self.starts):
            raise UsageError(
                "`--trainer.policies.N.starts` must rise and be as many as `--trainer.policies.N.values`, "
                f"got {self.starts} and {self.values}."
            )

    def value_at(self, time: int) -> float:
        """Return the value that began last."""
        begun = [value for start, value in zip(self.starts, self.values, strict=True) if time >= start]
        return begun[-1] if begun else self.initial


@pai_dataclass
@dataclass
class Linear(ValueParams):
    """A ramp: `initial`, then a straight line, then `final`."""

    initial: float = field(default=0.0, metadata=pai_meta(help="The value until start."))
    final: float = field(default=1.0, metadata=pai_meta(help="The value from end on."))
    start: int = field(default=0, metadata=pai_meta(help="Epoch or step at which the line begins."))
    end: int = field(default=1, metadata=pai_meta(help="Epoch or step at which it ends."))

    def __post_init__(self) -> None:
        """Refuse a line that ends before it begins."""
        super().__post_init__()
        check_number("--trainer.policies.N.end", self.end, more_than=self.start)

    def value_at(self, time: int) -> float:
        """Return the value on the line."""
        share = min(max((time - self.start) / (self.end - self.start), 0.0), 1.0)
        return (1 - share) * self.initial + share * self.final


@pai_dataclass
@dataclass
class Lambda(ValueParams):
    """What a function returns for the number of epochs or steps."""

    function: str = field(
        default="",
        metadata=NAMES_CODE | pai_meta(help="The function as module:name; it takes the number. Required."),
    )

    def value_at(self, time: int) -> float:
        """Return what the function returns."""
        return float(self.resolve()(time))

    def resolve(self) -> Any:
        """Return the function.

        Raises:
            UsageError: There is no such function.
        """
        module, _, name = self.function.partition(":")
        flag = f"`--trainer.policies.N.function {self.function}`"
        if not module or not name:
            raise UsageError(f"{flag} must be the `module:name` of a function.")
        function = getattr(import_user_module(module), name, None)
        if not callable(function):
            raise UsageError(f"{flag}: the module `{module}` has no function `{name}`.")
        return function


@pai_dataclass
@dataclass
class OnPlateau(ValueParams):
    """`initial`, multiplied each time a value of the log has not improved for some epochs."""

    initial: float = field(default=1.0, metadata=pai_meta(help="The first value."))
    multiplier: float = field(default=0.5, metadata=pai_meta(help="The factor."))
    patience: int = field(default=3, metadata=pai_meta(help="Epochs without improvement before a change."))
    monitor: str = field(
        default="val_loss/mean_epoch", metadata=pai_meta(help="Name of the value in the log.")
    )
    mode: str = field(default="min", metadata=pai_meta(help="What is better: min or max."))
    limit: float = field(default=0.0, metadata=pai_meta(help="Bound of the value: it does not go beyond it."))

    def __post_init__(self) -> None:
        """Refuse what can not be followed."""
        super().__post_init__()
        check_number("--trainer.policies.N.patience", self.patience, at_least=1)
        check_one_of("--trainer.policies.N.mode", self.mode, ("min", "max"))
        if self.follows_steps:
            raise UsageError("`--trainer.policies.N.by` must be `epoch` for `OnPlateau`, got `step`.")

    @staticmethod
    def cls() -> Any:
        """Return the policy that follows the log."""
        from tfaip.trainer.policies.values import PlateauPolicy

        return PlateauPolicy
