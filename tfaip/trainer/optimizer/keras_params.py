"""Params of the optimizers beyond those of tfaip 1.2, most of them Keras', and of any by its class."""

import ast
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.checks import check_pattern
from tfaip.params.stored_params import NAMES_CODE
from tfaip.params.suggestions import did_you_mean
from tfaip.params.user_modules import UserModuleError, import_user_module
from tfaip.trainer.optimizer.optimizers import (
    EXCLUSION,
    OptimizerParams,
    check_decay,
    check_optimizer,
    decay_argument,
)

if TYPE_CHECKING:
    import keras

_DECAY_HELP = "Decoupled weight decay: each step subtracts lr * weight_decay * weight."


@pai_dataclass(alt="AdamW")
@dataclass
class AdamWOptimizer(OptimizerParams):
    """AdamW: Adam with decoupled weight decay."""

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
    amsgrad: bool = field(
        default=False,
        metadata=pai_meta(help="Use the largest mean of the squared gradients so far."),
    )
    weight_decay: float = field(default=0.004, metadata=pai_meta(help=_DECAY_HELP))
    exclude_from_weight_decay: Optional[List[str]] = field(default=None, metadata=EXCLUSION)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        _check_betas(self)
        check_optimizer(self, "epsilon", at_least=0)
        check_decay(self)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return Keras' AdamW and its arguments."""
        names = ("beta_1", "beta_2", "epsilon", "amsgrad", "weight_decay")
        return keras_optimizer("AdamW"), _arguments(self, names) | self.clip_arguments()


@pai_dataclass(alt="Nadam")
@dataclass
class NadamOptimizer(OptimizerParams):
    """Nadam: Adam with Nesterov's form of the momentum."""

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
    weight_decay: float = field(default=0.0, metadata=pai_meta(help=_DECAY_HELP))
    exclude_from_weight_decay: Optional[List[str]] = field(default=None, metadata=EXCLUSION)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        _check_betas(self)
        check_optimizer(self, "epsilon", at_least=0)
        check_decay(self)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return Keras' Nadam and its arguments."""
        arguments = _arguments(self, ("beta_1", "beta_2", "epsilon"))
        return keras_optimizer("Nadam"), arguments | decay_argument(self) | self.clip_arguments()


@pai_dataclass(alt="Lion")
@dataclass
class LionOptimizer(OptimizerParams):
    """Lion: steps of the size lr in the direction of the sign; use a third to a tenth of Adam's rate."""

    beta_1: float = field(
        default=0.9,
        metadata=pai_meta(help="Share of the running mean in the direction of a step, in (0, 1)."),
    )
    beta_2: float = field(
        default=0.99,
        metadata=pai_meta(help="Decay of the running mean of the gradients, in [0, 1)."),
    )
    weight_decay: float = field(default=0.0, metadata=pai_meta(help=_DECAY_HELP))
    exclude_from_weight_decay: Optional[List[str]] = field(default=None, metadata=EXCLUSION)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_optimizer(self, "beta_1", more_than=0, less_than=1)
        check_optimizer(self, "beta_2", at_least=0, less_than=1)
        check_decay(self)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return Keras' Lion and its arguments."""
        arguments = _arguments(self, ("beta_1", "beta_2"))
        return keras_optimizer("Lion"), arguments | decay_argument(self) | self.clip_arguments()


@pai_dataclass(alt="Adafactor")
@dataclass
class AdafactorOptimizer(OptimizerParams):
    """Adafactor: Adam with little memory; the step is relative to the size of the weights."""

    beta_2_decay: float = field(
        default=-0.8,
        metadata=pai_meta(help="Power of the step in the decay of the squared gradients, below 0."),
    )
    epsilon_1: float = field(
        default=1e-30,
        metadata=pai_meta(help="Small number added to the squared gradients."),
    )
    epsilon_2: float = field(
        default=1e-3,
        metadata=pai_meta(help="Least size of weights that a step is relative to."),
    )
    clip_threshold: float = field(
        default=1.0,
        metadata=pai_meta(help="Largest root mean square of an update, before it is scaled."),
    )
    weight_decay: float = field(default=0.0, metadata=pai_meta(help=_DECAY_HELP))
    exclude_from_weight_decay: Optional[List[str]] = field(default=None, metadata=EXCLUSION)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_optimizer(self, "beta_2_decay", less_than=0)
        check_optimizer(self, "epsilon_1", at_least=0)
        check_optimizer(self, "epsilon_2", at_least=0)
        check_optimizer(self, "clip_threshold", more_than=0)
        check_decay(self)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return Keras' Adafactor and its arguments."""
        arguments = _arguments(self, ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold"))
        return keras_optimizer("Adafactor"), arguments | decay_argument(self) | self.clip_arguments()


@pai_dataclass(alt="Muon")
@dataclass
class MuonOptimizer(OptimizerParams):
    """Muon: orthogonal steps for matrices, AdamW for all other variables."""

    momentum: float = field(
        default=0.95,
        metadata=pai_meta(help="Momentum of the steps for matrices, in [0, 1)."),
    )
    nesterov: bool = field(
        default=True,
        metadata=pai_meta(help="Use Nesterov's form of the momentum."),
    )
    ns_steps: int = field(
        default=5,
        metadata=pai_meta(help="Newton-Schulz iterations that make a step orthogonal."),
    )
    exclude_layers: Optional[List[str]] = field(
        default=None,
        metadata=pai_meta(
            help="Regular expressions, searched in the paths of variables: AdamW for these, too. Name the "
            "last layer here."
        ),
    )
    exclude_embeddings: bool = field(
        default=True,
        metadata=pai_meta(help="AdamW for all variables that have `embedding` in their path."),
    )
    adam_lr_ratio: float = field(
        default=1.0,
        metadata=pai_meta(help="Factor for the learning rate of AdamW."),
    )
    adam_beta_1: float = field(
        default=0.9,
        metadata=pai_meta(help="AdamW's decay of the running mean of the gradients, in [0, 1)."),
    )
    adam_beta_2: float = field(
        default=0.999,
        metadata=pai_meta(help="AdamW's decay of the running mean of the squared gradients, in [0, 1)."),
    )
    epsilon: float = field(
        default=1e-7,
        metadata=pai_meta(help="Small number added to AdamW's denominator."),
    )
    weight_decay: float = field(default=0.004, metadata=pai_meta(help=_DECAY_HELP))
    exclude_from_weight_decay: Optional[List[str]] = field(default=None, metadata=EXCLUSION)

    def __post_init__(self) -> None:
        """Refuse numbers out of range, and patterns that are no regular expressions."""
        super().__post_init__()
        for name in ("momentum", "adam_beta_1", "adam_beta_2"):
            check_optimizer(self, name, at_least=0, less_than=1)
        check_optimizer(self, "ns_steps", at_least=1)
        check_optimizer(self, "adam_lr_ratio", more_than=0)
        check_optimizer(self, "epsilon", at_least=0)
        for pattern in self.exclude_layers or []:
            check_pattern("--optimizer.exclude_layers", pattern)
        check_decay(self)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return Keras' Muon and its arguments."""
        import keras

        cls = keras_optimizer("Muon")
        if "adam_weight_decay" not in inspect.signature(cls).parameters:
            raise UsageError(
                f"`--optimizer Muon` does not work with TensorFlow in Keras {keras.__version__}, which is "
                "installed. Choose another, or install Keras 3.13 or newer: `pip install -U keras`."
            )
        names = ("momentum", "nesterov", "ns_steps", "exclude_layers", "exclude_embeddings", "adam_lr_ratio")
        names += ("adam_beta_1", "adam_beta_2", "epsilon", "weight_decay")
        arguments = _arguments(self, names) | {"adam_weight_decay": self.weight_decay}
        return cls, arguments | self.clip_arguments()


@pai_dataclass(alt="ScheduleFreeAdamW")
@dataclass
class ScheduleFreeAdamWOptimizer(OptimizerParams):
    """Schedule-free AdamW: an average takes the place of a falling rate; use it with `Constant`."""

    beta_1: float = field(
        default=0.9,
        metadata=pai_meta(help="Share of the average in the weights that are trained, in (0, 1)."),
    )
    beta_2: float = field(
        default=0.999,
        metadata=pai_meta(help="Decay of the running mean of the squared gradients, in [0, 1)."),
    )
    epsilon: float = field(
        default=1e-8,
        metadata=pai_meta(help="Small number added to the denominator, so that it is never 0."),
    )
    warmup_steps: int = field(
        default=0,
        metadata=pai_meta(help="Updates in which the rate rises linearly from 0."),
    )
    weight_decay: float = field(default=0.0, metadata=pai_meta(help=_DECAY_HELP))
    exclude_from_weight_decay: Optional[List[str]] = field(default=None, metadata=EXCLUSION)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_optimizer(self, "beta_1", more_than=0, at_most=1)
        check_optimizer(self, "beta_2", at_least=0, less_than=1)
        check_optimizer(self, "epsilon", at_least=0)
        check_optimizer(self, "warmup_steps", at_least=0)
        check_decay(self)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return tfaip's ScheduleFreeAdamW and its arguments."""
        from tfaip.trainer.optimizer.schedule_free import ScheduleFreeAdamW

        arguments = _arguments(self, ("beta_1", "beta_2", "epsilon", "warmup_steps"))
        return ScheduleFreeAdamW, arguments | decay_argument(self) | self.clip_arguments()


@pai_dataclass(alt="Keras")
@dataclass
class KerasOptimizer(OptimizerParams):
    """Any Keras optimizer by its class."""

    path: str = field(
        default="keras.optimizers:Adam",
        metadata=NAMES_CODE
        | pai_meta(help="The class as module:Class; of keras.optimizers the name alone, as Adagrad."),
    )
    arguments: Dict[str, str] = field(
        default_factory=dict,
        metadata=pai_meta(
            help="Arguments of its constructor, Python values or text; not the learning rate and the "
            "clipping, which have flags of their own."
        ),
    )
    exclude_from_weight_decay: Optional[List[str]] = field(default=None, metadata=EXCLUSION)

    def __post_init__(self) -> None:
        """Refuse arguments that have flags of their own."""
        super().__post_init__()
        for name, flag in _OWN_FLAGS.items():
            if name in self.arguments:
                raise UsageError(
                    f"`--optimizer.arguments {name}={self.arguments[name]}` has a flag of its own: "
                    f"use `{flag}`."
                )
        check_decay(self)

    def create(self) -> "Tuple[Type[keras.optimizers.Optimizer], Dict[str, Any]]":
        """Return the class and its arguments."""
        values = {name: _value(text) for name, text in self.arguments.items()}
        return _optimizer_class(self.path), values | self.clip_arguments()


_OWN_FLAGS = {
    "learning_rate": "--learning_rate.lr",
    "gradient_accumulation_steps": "--trainer.train_accum_steps",
    "use_ema": "--trainer.ema_decay",
    "clipnorm": "--optimizer.clip_norm",
    "clipvalue": "--optimizer.clip_value",
    "global_clipnorm": "--optimizer.global_clip_norm",
}


def keras_optimizer(name: str) -> "Type[keras.optimizers.Optimizer]":
    """Return the optimizer `name` of Keras.

    Raises:
        UsageError: The Keras that is installed does not have it.
    """
    import keras

    cls = getattr(keras.optimizers, name, None)
    if cls is None:
        names = [n for n, value in vars(keras.optimizers).items() if isinstance(value, type)]
        raise UsageError(
            f"The optimizer `{name}` is not part of Keras {keras.__version__}, which is installed."
            f"{did_you_mean(name, names)} Choose another `--optimizer`, or install a newer Keras: "
            "`pip install -U keras`."
        )
    return cls


def _optimizer_class(path: str) -> "Type[keras.optimizers.Optimizer]":
    import keras

    module_name, colon, class_name = path.rpartition(":")
    if not colon or module_name == "keras.optimizers":
        cls: Any = keras_optimizer(class_name)
    else:
        try:
            cls = getattr(import_user_module(module_name), class_name, None)
        except UserModuleError as error:
            raise UsageError(f"`--optimizer.path` can not use `{path}`. {error}") from error
    if not isinstance(cls, type) or not issubclass(cls, keras.optimizers.Optimizer):
        raise UsageError(f"`--optimizer.path` expects the class of a Keras optimizer, but `{path}` is none.")
    return cls


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _arguments(params: Any, names: Tuple[str, ...]) -> Dict[str, Any]:
    return {name: getattr(params, name) for name in names}


def _check_betas(params: Any) -> None:
    check_optimizer(params, "beta_1", at_least=0, less_than=1)
    check_optimizer(params, "beta_2", at_least=0, less_than=1)
