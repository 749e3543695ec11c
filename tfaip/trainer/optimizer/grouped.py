"""One Keras optimizer made of several: for groups of variables, and for parts of the model."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from tfaip.errors import UsageError
from tfaip.trainer.optimizer.group_rules import GroupRule, matches_parts
from tfaip.trainer.optimizer.optimizers import OptimizerParams
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule

logger = logging.getLogger(__name__)

_DECAYS = ("weight_decay", "adam_weight_decay")


@dataclass(frozen=True)
class Part:
    """An optimizer, its learning rate, and the variables that it trains.

    Attributes:
        params: Which optimizer.
        schedule: Its learning rate.
        pattern: Regular expression for whole parts of the paths of its variables; `None`: all that no other
            part has.
        name: What its learning rate is called in logs.
    """

    params: OptimizerParams
    schedule: LearningRateSchedule
    pattern: str | None = None
    name: str = "lr"

    @property
    def title(self) -> str:
        """What messages call it."""
        return type(self.params).__name__ + ("" if self.pattern is None else f" of `{self.pattern}`")


@dataclass
class Group:
    """Variables of a part that share the factors for learning rate and weight decay, and their optimizer."""

    lr: float
    decay: float
    variables: dict[str, Any] = field(default_factory=dict)
    optimizer: Any = None


class GroupedOptimizer(keras.optimizers.Optimizer):
    """Trains each variable with the optimizer of its part, at the learning rate and decay of its group.

    `keras.optimizers.MultiOptimizer` exists in few versions of Keras, knows no groups, and clips by the
    global norm within each optimizer; here the norm is that of all gradients of a part.

    Args:
        parts: The optimizers; exactly one has no pattern.
        names: The names that patterns are for, by the ids of the variables; without it their paths.
        kwargs: Arguments of all Keras optimizers.
    """

    def __init__(self, parts: Sequence[Part], names: Mapping[int, str] | None = None, **kwargs: Any) -> None:
        main = next(part for part in parts if part.pattern is None)
        super().__init__(learning_rate=main.schedule, **kwargs)
        self._names = dict(names or {})
        self._parts: list[tuple[Part, list[Group]]] = [(part, []) for part in parts]

    @property
    def learning_rates(self) -> dict[str, Any]:
        """The rate of the next update of each part by its name in logs."""
        return {part.name: part.schedule(self.iterations) for part, _ in self._parts}

    @property
    def variables(self) -> list[Any]:
        """The state of all optimizers."""
        inner = [v for _, groups in self._parts for group in groups for v in group.optimizer.variables]
        return [*super().variables, *inner]

    @property
    def parts(self) -> list[tuple[Part, list[Group]]]:
        """The parts with their groups, which exist as soon as the optimizer is built."""
        return [(part, list(groups)) for part, groups in self._parts]

    def build(self, variables: list[Any]) -> None:
        """Find the group of each variable, and create the optimizers."""
        if self.built:
            return
        super().build(variables)
        owned = assign_parts([part for part, _ in self._parts], self._by_name(variables))
        self._parts = [(part, group_variables(part, owned[part.name])) for part, _ in self._parts]
        for part, groups in self._parts:
            for group in groups:
                group.optimizer = create_optimizer(part, lr=group.lr, decay=group.decay)
                group.optimizer.build(list(group.variables.values()))
        logger.info("Groups of variables:\n%s", describe_groups(self.parts))

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables; those without a gradient stay as they are."""
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        if not self.built:
            self.build(variables)
        found = {id(v): g for g, v in zip(grads, variables, strict=True) if g is not None}
        for part, groups in self._parts:
            own = [v for group in groups for v in group.variables.values() if id(v) in found]
            clipped = clip_globally(part, [found[id(v)] for v in own])
            gradients = dict(zip(map(id, own), clipped, strict=True))
            for group in groups:
                members = group.variables.values()
                pairs = [(gradients[id(v)], v) for v in members if id(v) in gradients]
                if pairs:
                    group.optimizer.apply_gradients(pairs)
                else:  # its layers are frozen, but its learning rate goes on
                    group.optimizer.iterations.assign_add(1)
        iterations: Any = self.iterations
        iterations.assign_add(1)

    def _by_name(self, variables: Sequence[Any]) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for variable in variables:
            name = self._names.get(id(variable), str(variable.path))
            named[f"{name}#{len(named)}" if name in named else name] = variable
        return named

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Never called: `apply` leaves that to the optimizers of the groups."""
        raise NotImplementedError("`GroupedOptimizer` updates by `apply` only.")


def create_optimizer(
    part: Part, *, lr: float = 1.0, decay: float = 1.0, clips_globally: bool = False
) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer of `part` with factors for its learning rate and its weight decay.

    Args:
        part: Params and schedule.
        lr: Factor for the learning rate.
        decay: Factor for the weight decay.
        clips_globally: Let it clip by the global norm of its own gradients.

    Raises:
        UsageError: Keras refuses the arguments.
    """
    cls, arguments = part.params.create()
    arguments = dict(arguments)
    if not clips_globally:
        arguments.pop("global_clipnorm", None)
    arguments.update({name: arguments[name] * decay for name in _DECAYS if arguments.get(name)})
    schedule = part.schedule if lr == 1 else ScaledSchedule(part.schedule, lr)
    try:
        return cls(learning_rate=schedule, **arguments)
    except (TypeError, ValueError) as error:
        raise UsageError(f"`{cls.__name__}` can not be created with {arguments}: {error}") from error


def assign_parts(parts: Sequence[Part], variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the variables of each part by the name of the part and by theirs.

    Raises:
        UsageError: Two parts want a variable, or one gets none.
    """
    owned: dict[str, dict[str, Any]] = {part.name: {} for part in parts}
    for name, variable in variables.items():
        wanting = [p for p in parts if p.pattern is not None and matches_parts(p.pattern, name)]
        if len(wanting) > 1:
            names = " and ".join(f"`{part.pattern}`" for part in wanting)
            raise UsageError(
                f"Two optimizers want to train `{name}`: {names} match it. "
                "Correct `variables` of `--trainer.part_optimizers`."
            )
        chosen = wanting or [part for part in parts if part.pattern is None]
        owned[chosen[0].name][name] = variable
    for part in parts:
        if not owned[part.name] and part.pattern is not None:
            flag = f"--trainer.part_optimizers.N.variables {part.pattern}"
            raise UsageError(_matches_nothing(flag, variables))
    return owned


def group_variables(part: Part, variables: Mapping[str, Any]) -> list[Group]:
    """Return the groups of a part's variables, those without factors first.

    Raises:
        UsageError: A rule matches no variable.
    """
    rules = part.params.group_rules()
    for rule in rules:
        if not any(map(rule.matches, variables)):
            raise UsageError(_matches_nothing(rule.source, variables))
    groups = {(1.0, 1.0): Group(1.0, 1.0)}
    for name, variable in variables.items():
        lr, decay = _factors(rules, name)
        groups.setdefault((lr, decay), Group(lr, decay)).variables[name] = variable
    return [group for group in groups.values() if group.variables]


def describe_groups(parts: Sequence[tuple[Part, Sequence[Group]]]) -> str:
    """Return a line for each group: optimizer, factors, and the variables."""
    lines = []
    for part, groups in parts:
        for group in groups:
            names = ", ".join(group.variables)
            lines.append(f"  {part.title}, lr*{group.lr:g}, decay*{group.decay:g}: {names}")
    return "\n".join(lines)


def clip_globally(part: Part, gradients: list[Any]) -> list[Any]:
    """Return the gradients of a part, scaled down to the global norm that its params allow."""
    limit = part.params.create()[1].get("global_clipnorm")
    return tf.clip_by_global_norm(gradients, limit)[0] if limit and gradients else gradients


@keras.saving.register_keras_serializable("tfaip")
class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule times a factor."""

    def __init__(self, schedule: Any, factor: float) -> None:
        super().__init__()
        self._schedule = schedule
        self._factor = factor

    def __call__(self, step: Any) -> Any:
        """Return the rate of the update after `step` updates."""
        return self._schedule(step) * self._factor

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        schedule = keras.optimizers.schedules.serialize(self._schedule)
        return {"schedule": schedule, "factor": self._factor}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ScaledSchedule":
        """Return the schedule that `get_config` described."""
        return cls(keras.optimizers.schedules.deserialize(config["schedule"]), config["factor"])


def _factors(rules: Sequence[GroupRule], name: str) -> tuple[float, float]:
    lr, decay = 1.0, 1.0
    for rule in rules:
        if rule.matches(name):
            lr, decay = lr * rule.lr, decay * rule.decay
    return lr, decay


def optimizer_name(optimizer: Any) -> str:
    """Return the name of the class, with those of the optimizers inside."""
    names = [optimizer_name(one) for one in _inside(optimizer)]
    return type(optimizer).__name__ + (f"({', '.join(names)})" if names else "")


def innermost(optimizer: Any) -> list[Any]:
    """Return the optimizers that update variables: `optimizer` itself, or those inside it."""
    inside = _inside(optimizer)
    return [found for one in inside for found in innermost(one)] if inside else [optimizer]


def _inside(optimizer: Any) -> list[Any]:
    if isinstance(optimizer, GroupedOptimizer):
        return [group.optimizer for _, groups in optimizer.parts for group in groups]
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return [optimizer.inner_optimizer]
    return []


def _matches_nothing(flag: str, variables: Iterable[str]) -> str:
    return f"`{flag}` matches no variable that is trained. There are: {', '.join(variables)}."
