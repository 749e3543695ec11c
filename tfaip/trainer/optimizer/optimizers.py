"""Params of the optimizers, one class for each; they create a Keras optimizer late."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.checks import check_number, check_pattern
from tfaip.trainer.optimizer.group_rules import GroupRule, parse_rules, undecayed

if TYPE_CHECKING:
    import keras

EXCLUSION = pai_meta(
    help="Regular expressions, searched in the paths of variables: these do not decay. None: all decay."
)


@pai_dataclass
@dataclass
class OptimizerParams:
    """What all optimizers share: at most one of three ways to clip gradients, and groups of variables."""

    clip_norm: Optional[float] = field(
        default=None,
        metadata=pai_meta(
            help="Scale the gradient of each variable down to this L2 norm. None: no clipping."
        ),
    )
    clip_value: Optional[float] = field(
        default=None,
        metadata=pai_meta(help="Clip each element of the gradients to [-value, value]. None: no clipping."),
    )
    global_clip_norm: Optional[float] = field(
        default=None,
        metadata=pai_meta(help="Scale all gradients together down to this L2 norm. None: no clipping."),
    )
    groups: List[str] = field(
        default_factory=list,
        metadata=pai_meta(
            help="Factors for variables by their path, as 'backbone/.*=lr*0.1' 'bias=decay*0'. The regular "
            "expression matches whole parts of the path; all factors that match are multiplied."
        ),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range, two ways to clip at once, and groups that can not be read."""
        parse_rules(self.groups)
        for name in ("clip_norm", "clip_value", "global_clip_norm"):
            check_optimizer(self, name, more_than=0, optional=True)
        clips = [n for n, value in _clipping(self).items() if value is not None]
        if len(clips) > 1:
            flags = " and ".join(f"`--optimizer.{name}`" for name in clips)
            raise UsageError(
                f"{flags} were given together, but gradients are clipped in one way only. Remove all but one."
            )

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return the Keras optimizer's class and its arguments, without `learning_rate`."""
        raise NotImplementedError(
            f"`{type(self).__name__}.create` is missing: return a Keras optimizer class and a dict "
            "of its arguments (without `learning_rate`), starting from `self.clip_arguments()`."
        )

    def group_rules(self) -> List[GroupRule]:
        """Return the rules for groups of variables, with those that exclude some from weight decay."""
        return [*parse_rules(self.groups), *undecayed(getattr(self, "exclude_from_weight_decay", None) or [])]

    def clip_arguments(self) -> Dict[str, float]:
        """Return the chosen clipping under the name Keras gives it; empty without clipping."""
        keras_names = {
            "clip_norm": "clipnorm",
            "clip_value": "clipvalue",
            "global_clip_norm": "global_clipnorm",
        }
        return {keras_names[n]: v for n, v in _clipping(self).items() if v is not None}


@pai_dataclass(alt="SGD")
@dataclass
class SGDOptimizer(OptimizerParams):
    """Stochastic gradient descent, with momentum if wanted."""

    momentum: float = field(
        default=0.0,
        metadata=pai_meta(help="Share of the previous update that is kept, in [0, 1]; 0: none."),
    )
    nesterov: bool = field(
        default=False,
        metadata=pai_meta(help="Use Nesterov's form of the momentum."),
    )
    weight_decay: float = field(
        default=0.0,
        metadata=pai_meta(help="Decoupled weight decay: each step subtracts lr * weight_decay * weight."),
    )
    exclude_from_weight_decay: Optional[List[str]] = field(default=None, metadata=EXCLUSION)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_optimizer(self, "momentum", at_least=0, at_most=1)
        check_decay(self)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return Keras' SGD and its arguments."""
        import keras

        arguments = {"momentum": self.momentum, "nesterov": self.nesterov}
        return keras.optimizers.SGD, arguments | decay_argument(self) | self.clip_arguments()


@pai_dataclass(alt="Adam")
@dataclass
class AdamOptimizer(OptimizerParams):
    """Adam; with a weight decay it is AdamW."""

    beta_1: float = field(
        default=0.9,
        metadata=pai_meta(help="Decay of the running mean of the gradients, in [0, 1)."),
    )
    beta_2: float = field(
        default=0.999,
        metadata=pai_meta(help="Decay of the running mean of the squared gradients, in [0, 1)."),
    )
    epsilon: float = field(
        default=1e-7,
        metadata=pai_meta(help="Small number added to the denominator, so that it is never 0."),
    )
    weight_decay: float = field(
        default=0.0,
        metadata=pai_meta(
            help="Decoupled weight decay (AdamW): each step subtracts lr * weight_decay * weight. "
            "Adamax ignores it."
        ),
    )
    exclude_from_weight_decay: Optional[List[str]] = field(default=None, metadata=EXCLUSION)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        _check_moments(self)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return Keras' Adam, or AdamW with a weight decay, and its arguments."""
        import keras

        cls = keras.optimizers.AdamW if self.weight_decay > 0 else keras.optimizers.Adam
        return cls, _moments(self) | decay_argument(self) | self.clip_arguments()


@pai_dataclass(alt="Adamax")
@dataclass
class AdamaxOptimizer(AdamOptimizer):
    """Adamax: Adam with the infinity norm; `weight_decay` has no effect."""

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return Keras' Adamax and its arguments."""
        import keras

        return keras.optimizers.Adamax, _moments(self) | self.clip_arguments()


@pai_dataclass(alt="RMSprop")
@dataclass
class RMSpropOptimizer(OptimizerParams):
    """RMSprop; mind that `rho` is 0 here, where Keras has 0.9."""

    momentum: float = field(
        default=0.0,
        metadata=pai_meta(help="Share of the previous update that is kept, in [0, 1]; 0: none."),
    )
    epsilon: float = field(
        default=1e-7,
        metadata=pai_meta(help="Small number added to the denominator, so that it is never 0."),
    )
    rho: float = field(
        default=0.0,
        metadata=pai_meta(
            help="Decay of the running mean of the squared gradients, in [0, 1). The default 0 is "
            "that of tfaip 1.x: only the current gradient counts, so each step is about lr in "
            "size. Most other libraries use 0.9."
        ),
    )
    centered: bool = field(
        default=False,
        metadata=pai_meta(
            help="Divide by the estimated variance of the gradients instead of their mean square. "
            "Use it with a rho above 0."
        ),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_optimizer(self, "momentum", at_least=0, at_most=1)
        check_optimizer(self, "epsilon", at_least=0)
        check_optimizer(self, "rho", at_least=0, less_than=1)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return Keras' RMSprop and its arguments."""
        import keras

        arguments = {
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "rho": self.rho,
            "centered": self.centered,
        }
        return keras.optimizers.RMSprop, arguments | self.clip_arguments()


@pai_dataclass(alt="AdaBelief")
@dataclass
class AdaBeliefOptimizer(OptimizerParams):
    """AdaBelief: Adam whose step shrinks where gradients differ from what was expected."""

    beta_1: float = field(
        default=0.9,
        metadata=pai_meta(help="Decay of the running mean of the gradients, in [0, 1)."),
    )
    beta_2: float = field(
        default=0.999,
        metadata=pai_meta(
            help="Decay of the running mean of the squared deviation of the gradients, in [0, 1)."
        ),
    )
    epsilon: float = field(
        default=1e-14,
        metadata=pai_meta(help="Small number added to the deviation and to the denominator."),
    )
    weight_decay: float = field(
        default=0.0,
        metadata=pai_meta(help="Decoupled decay: each step subtracts lr * weight_decay * weight."),
    )
    exclude_from_weight_decay: Optional[List[str]] = field(default=None, metadata=EXCLUSION)
    rectify: bool = field(
        default=True,
        metadata=pai_meta(help="Rectify the first steps as RAdam does, while the deviation is uncertain."),
    )
    amsgrad: bool = field(
        default=False,
        metadata=pai_meta(help="Use the largest deviation seen so far instead of the current one."),
    )
    sma_threshold: float = field(
        default=5.0,
        metadata=pai_meta(
            help="Shortest length of the moving average (in steps) at which a rectified step is "
            "used; below it the step is plain momentum."
        ),
    )
    total_steps: int = field(
        default=0,
        metadata=pai_meta(
            help="Updates of the warm-up and decay of the learning rate inside the optimizer; 0: neither."
        ),
    )
    warmup_proportion: float = field(
        default=0.1,
        metadata=pai_meta(help="Share of total_steps in which the rate rises linearly, in [0, 1]."),
    )
    min_lr: float = field(
        default=0.0,
        metadata=pai_meta(help="Learning rate after total_steps updates."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        _check_moments(self)
        check_optimizer(self, "sma_threshold", at_least=4, hint="Below 4 the rectification is not defined.")
        check_optimizer(self, "total_steps", at_least=0)
        check_optimizer(self, "warmup_proportion", at_least=0, at_most=1)
        check_optimizer(self, "min_lr", at_least=0)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return tfaip's AdaBelief and its arguments."""
        from tfaip.trainer.optimizer.adabelief import AdaBelief

        arguments = {
            "rectify": self.rectify,
            "amsgrad": self.amsgrad,
            "sma_threshold": self.sma_threshold,
            "total_steps": self.total_steps,
            "warmup_proportion": self.warmup_proportion,
            "min_lr": self.min_lr,
        }
        return AdaBelief, _moments(self) | arguments | decay_argument(self) | self.clip_arguments()


@pai_dataclass(alt="LAMB")
@dataclass
class LAMBOptimizer(OptimizerParams):
    """LAMB: Adam with one step size for each layer, for very large batches."""

    beta_1: float = field(
        default=0.9,
        metadata=pai_meta(help="Decay of the running mean of the gradients, in [0, 1)."),
    )
    beta_2: float = field(
        default=0.999,
        metadata=pai_meta(help="Decay of the running mean of the squared gradients, in [0, 1)."),
    )
    epsilon: float = field(
        default=1e-6,
        metadata=pai_meta(help="Small number added to the denominator, so that it is never 0."),
    )
    weight_decay: float = field(
        default=0.0,
        metadata=pai_meta(
            help="Weight decay: weight_decay * weight is added to the update before its norm is taken."
        ),
    )
    exclude_from_weight_decay: Optional[List[str]] = field(
        default=None,
        metadata=EXCLUSION,
    )
    exclude_from_layer_adaptation: Optional[List[str]] = field(
        default=None,
        metadata=pai_meta(
            help="Regular expressions, searched in the paths of variables: these use the plain "
            "learning rate. None: the same as exclude_from_weight_decay."
        ),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range and patterns that are no regular expressions."""
        super().__post_init__()
        _check_moments(self)
        for pattern in self.exclude_from_layer_adaptation or []:
            check_pattern("--optimizer.exclude_from_layer_adaptation", pattern)

    def group_rules(self) -> List[GroupRule]:
        """Return the rules for groups of variables; LAMB itself looks after what does not decay."""
        return parse_rules(self.groups)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return tfaip's LAMB and its arguments."""
        from tfaip.trainer.optimizer.lamb import LAMB

        arguments = {
            "exclude_from_weight_decay": self.exclude_from_weight_decay,
            "exclude_from_layer_adaptation": self.exclude_from_layer_adaptation,
        }
        return LAMB, _moments(self) | arguments | decay_argument(self) | self.clip_arguments()


def _clipping(params: OptimizerParams) -> Dict[str, Optional[float]]:
    names = ("clip_norm", "clip_value", "global_clip_norm")
    return {name: getattr(params, name) for name in names}


def _moments(params: Any) -> Dict[str, Any]:
    return {"beta_1": params.beta_1, "beta_2": params.beta_2, "epsilon": params.epsilon}


def decay_argument(params: Any) -> Dict[str, Any]:
    """Return the argument `weight_decay` of an optimizer, if it is not 0."""
    return {"weight_decay": params.weight_decay} if params.weight_decay > 0 else {}


def check_optimizer(params: OptimizerParams, name: str, **bounds: Any) -> None:
    """Check the field `name` of an optimizer as `check_number` does."""
    check_number(f"--optimizer.{name}", getattr(params, name), **bounds)


def check_decay(params: Any) -> None:
    """Check the weight decay of an optimizer, and what is excluded from it."""
    if hasattr(params, "weight_decay"):
        check_optimizer(params, "weight_decay", at_least=0)
    for pattern in params.exclude_from_weight_decay or []:
        check_pattern("--optimizer.exclude_from_weight_decay", pattern)


def _check_moments(params: Any) -> None:
    check_optimizer(params, "beta_1", at_least=0, less_than=1)
    check_optimizer(params, "beta_2", at_least=0, less_than=1)
    check_optimizer(params, "epsilon", at_least=0)
    check_decay(params)
