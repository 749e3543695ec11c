"""A tree of params that has every kind of field: it stands for TrainerParams in the tests of the parser."""

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Set

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.enums import StrEnum


class Strategy(StrEnum):
    DEFAULT = "default"
    MIRROR = "mirror"


@pai_dataclass
@dataclass
class Optimizer:
    """Base of the optimizers."""

    global_clip_norm: Optional[float] = field(
        default=None, metadata=pai_meta(help="Clip the norm of all gradients")
    )


@pai_dataclass(alt="Adam")
@dataclass
class AdamOptimizer(Optimizer):
    """Adam with decoupled weight decay."""

    beta_1: float = field(default=0.9, metadata=pai_meta(help="Decay of the first moment."))


@pai_dataclass(alt="SGD")
@dataclass
class SGDOptimizer(Optimizer):
    """Stochastic gradient descent."""

    momentum: float = field(default=0.0, metadata=pai_meta(help="Share of the last step."))


@pai_dataclass
@dataclass
class RateParams:
    """How the learning rate changes."""

    lr: float = field(default=0.001, metadata=pai_meta(help="Rate at the start."))
    lr_decay_rate: float = field(default=0.99, metadata=pai_meta(help="Factor of a decay."))


@pai_dataclass
@dataclass
class LayerParams:
    """A layer."""

    size: int = field(default=10, metadata=pai_meta(help="Units."))


@pai_dataclass
@dataclass
class ConvLayerParams(LayerParams):
    """A convolution."""

    kernel: List[int] = field(default_factory=lambda: [3, 3], metadata=pai_meta(help="Kernel."))


@pai_dataclass
@dataclass
class PoolLayerParams(LayerParams):
    """A pooling."""


@pai_dataclass
@dataclass
class ModelParams:
    """The network."""

    layers: List[LayerParams] = field(
        default_factory=lambda: [ConvLayerParams(size=4), PoolLayerParams()],
        metadata=pai_meta(choices=[ConvLayerParams, PoolLayerParams], help="The layers."),
    )
    dropout: Optional[float] = field(default=0.5, metadata=pai_meta(help="Share of units."))


@pai_dataclass
@dataclass
class ScenarioParams:
    """The task."""

    model: ModelParams = field(default_factory=ModelParams, metadata=pai_meta(mode="flat"))
    weights: Dict[str, float] = field(default_factory=dict, metadata=pai_meta(help="Weight of each loss."))
    scenario_id: Optional[str] = field(default=None, metadata=pai_meta(mode="ignore"))


@pai_dataclass
@dataclass
class PipelineParams:
    """How samples are batched."""

    batch_size: int = field(default=16, metadata=pai_meta(help="Samples in a batch."))


@pai_dataclass
@dataclass
class SetupParams:
    """Two pipelines."""

    train: PipelineParams = field(default_factory=PipelineParams, metadata=pai_meta(mode="flat", fix_dc=True))
    val: PipelineParams = field(default_factory=PipelineParams, metadata=pai_meta(mode="flat", fix_dc=True))


@pai_dataclass
@dataclass
class FilesParams:
    """Samples from files."""

    images: List[str] = field(default_factory=list, metadata=pai_meta(help="Image files."))


@pai_dataclass
@dataclass
class GenParams:
    """Where samples come from."""

    setup: SetupParams = field(default_factory=SetupParams, metadata=pai_meta(fix_dc=True))
    train: FilesParams = field(default_factory=FilesParams, metadata=pai_meta(mode="flat"))


@pai_dataclass
@dataclass
class ToyParams:
    """A training."""

    epochs: int = field(default=100, metadata=pai_meta(help="Number of epochs, at least 1."))
    ema_decay: float = field(default=0.0, metadata=pai_meta(help="Moving average; -1 is automatic."))
    force_eager: bool = field(default=False, metadata=pai_meta(help="Run without graphs."))
    output_dir: Optional[str] = field(default=None, metadata=pai_meta(help="Where files go."))
    random_seed: Optional[int] = None
    gpus: Optional[List[int]] = field(default=None, metadata=pai_meta(help="Indices of GPUs."))
    tags: Set[str] = field(default_factory=set, metadata=pai_meta(help="Words to find the run by."))
    level: str = field(default="low", metadata=pai_meta(choices=["low", "high"], help="How loud."))
    strategy: Strategy = field(default=Strategy.DEFAULT, metadata=pai_meta(help="How to share work."))
    current_epoch: int = field(default=0, metadata=pai_meta(mode="ignore"))
    optimizer: Optimizer = field(
        default_factory=AdamOptimizer,
        metadata=pai_meta(mode="flat", choices=[AdamOptimizer, SGDOptimizer], help="The optimizer."),
    )
    learning_rate: RateParams = field(default_factory=RateParams, metadata=pai_meta(mode="flat"))
    scenario: ScenarioParams = field(default_factory=ScenarioParams, metadata=pai_meta(mode="flat"))
    extra: Optional[RateParams] = None
    gen: GenParams = field(default_factory=GenParams)

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UsageError(f"`--trainer.epochs` must be at least 1, got {self.epochs}.")
        if self.level == "high" and self.epochs == 13:
            raise ValueError("13 epochs\nare not high")
