"""All switches of a training: `TrainerParams`, and which samples it reads."""

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, List, Optional, Type, TypeVar, Union

from paiargparse import pai_dataclass, pai_meta

from tfaip.data.databaseparams import DataGeneratorParams, DataPipelineParams
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.device.device_config import DeviceConfigParams, DistributionStrategy
from tfaip.errors import UsageError
from tfaip.params.checks import check_number, check_one_of, check_pattern
from tfaip.params.enums import StrEnum
from tfaip.params.generics import bind_fields, type_argument
from tfaip.params.stored_params import NAMES_CODE
from tfaip.scenario.freeze_rules import FreezeRule
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
from tfaip.trainer.callbacks.earlystopping.params import EarlyStoppingParams
from tfaip.trainer.optimizer import DEFAULT_OPTIMIZERS, AdamOptimizer
from tfaip.trainer.optimizer.optimizers import OptimizerParams
from tfaip.trainer.optimizer.part_params import PartOptimizerParams
from tfaip.trainer.policies import DEFAULT_POLICIES, PolicyParams
from tfaip.trainer.scheduler import DEFAULT_SCHEDULES, ExponentialDecayParams
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams
from tfaip.trainer.warmstart.warmstart_params import WarmStartParams

if TYPE_CHECKING:
    from tfaip.data.data import DataBase
    from tfaip.data.pipeline.datapipeline import DataPipeline

# Seeds are also handed to NumPy (seed + 1), TensorFlow (+ 2) and Python (+ 3), and NumPy takes 32
# bits.
_LARGEST_SEED = 2**32 - 4

TDataGeneratorTrain = TypeVar("TDataGeneratorTrain", bound=DataGeneratorParams)
TDataGeneratorVal = TypeVar("TDataGeneratorVal", bound=DataGeneratorParams)


class Precision(StrEnum):
    """What a model computes in while it trains; the names are those of Keras dtype policies."""

    FLOAT32 = "float32"
    MIXED_BFLOAT16 = "mixed_bfloat16"
    MIXED_FLOAT16 = "mixed_float16"


class Resume(StrEnum):
    """What becomes of a training that is in `output_dir` already."""

    NO = "no"
    AUTO = "auto"


@pai_dataclass
@dataclass
class TrainerPipelines:
    """How training and validation samples are read and batched."""

    train: DataPipelineParams = field(
        default_factory=DataPipelineParams,
        metadata=pai_meta(fix_dc=True, mode="flat", help="The training pipeline."),
    )
    val: DataPipelineParams = field(
        default_factory=DataPipelineParams,
        metadata=pai_meta(fix_dc=True, mode="flat", help="The validation pipeline."),
    )

    def __post_init__(self) -> None:
        """Tell each pipeline what it is for."""
        self.train.mode = PipelineMode.TRAINING
        self.val.mode = PipelineMode.EVALUATION


@pai_dataclass
@dataclass
class TrainerPipelineParamsBase(Generic[TDataGeneratorTrain, TDataGeneratorVal]):
    """Where training, validation and LAV samples come from.

    Override `train_gen` and `val_gen`; `TrainerPipelineParams` does so with one generator each.
    """

    setup: TrainerPipelines = field(
        default_factory=TrainerPipelines,
        metadata=pai_meta(fix_dc=True, help="How samples are read and batched."),
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give the fields `train` and `val` the classes that were put in for them."""
        super().__init_subclass__(**kwargs)
        inherited = getattr(cls, "__dataclass_fields__", {})
        variables = {"train": TDataGeneratorTrain, "val": TDataGeneratorVal}
        bind_fields(cls, {name: var for name, var in variables.items() if name in inherited})

    def __post_init__(self) -> None:
        """Tell each pipeline what it is for, also if it was exchanged."""
        self.setup.__post_init__()

    @classmethod
    def train_cls(cls) -> Type[DataGeneratorParams]:
        """Return the params class of the training generator."""
        return type_argument(cls, TDataGeneratorTrain)

    @classmethod
    def val_cls(cls) -> Type[DataGeneratorParams]:
        """Return the params class of the validation generator."""
        return type_argument(cls, TDataGeneratorVal)

    def train_gen(self) -> TDataGeneratorTrain:
        """Return the params of the training generator."""
        raise NotImplementedError(
            f"`{type(self).__name__}.train_gen` is missing: return the params of the training generator."
        )

    def val_gen(self) -> Optional[TDataGeneratorVal]:
        """Return the params of the validation generator; `None`: no validation."""
        raise NotImplementedError(
            f"`{type(self).__name__}.val_gen` is missing: return the params of the validation "
            "generator, or None."
        )

    def lav_gen(self) -> List[Any]:
        """Return the params of the generators that are validated one by one in LAV."""
        val_gen = self.val_gen()
        return [] if val_gen is None else [val_gen]

    def train_data(self, data: "DataBase") -> "DataPipeline":
        """Return the training pipeline of `data`."""
        pipeline = data.get_or_create_pipeline(self.setup.train, self.train_gen())
        if pipeline is None:
            raise UsageError(
                f"There is nothing to train on: `{type(self).__name__}.train_gen` returned None. "
                "Return the params of the training generator."
            )
        return pipeline

    def val_data(self, data: "DataBase") -> "Optional[DataPipeline]":
        """Return the validation pipeline of `data`; `None` if there are no validation samples."""
        return data.get_or_create_pipeline(self.setup.val, self.val_gen())

    def lav_data(self, data: "DataBase") -> "List[DataPipeline]":
        """Return one new pipeline for each generator of `lav_gen`."""
        return [data.create_pipeline(self.setup.val, generator) for generator in self.lav_gen()]


@pai_dataclass
@dataclass
class TrainerPipelineParams(TrainerPipelineParamsBase[TDataGeneratorTrain, TDataGeneratorVal]):
    """One generator of training samples, and one of validation samples."""

    train: TDataGeneratorTrain = field(
        default_factory=DataGeneratorParams,
        metadata=pai_meta(mode="flat", help="The training samples."),
    )  # type: ignore[assignment]
    val: TDataGeneratorVal = field(
        default_factory=DataGeneratorParams,
        metadata=pai_meta(mode="flat", help="The validation samples."),
    )  # type: ignore[assignment]

    def train_gen(self) -> TDataGeneratorTrain:
        """Return the params of the training generator."""
        return self.train

    def val_gen(self) -> Optional[TDataGeneratorVal]:
        """Return the params of the validation generator."""
        return self.val


TScenarioParams = TypeVar("TScenarioParams", bound=ScenarioBaseParams)
TTrainerPipelineParams = TypeVar("TTrainerPipelineParams", bound=TrainerPipelineParamsBase)


@pai_dataclass
@dataclass
class TrainerParams(Generic[TScenarioParams, TTrainerPipelineParams]):
    """What is trained, on which samples, for how long, and what is written where."""

    epochs: int = field(
        default=100,
        metadata=pai_meta(help="Epochs after which the training ends, counted from the very first."),
    )
    current_epoch: int = field(
        default=0,
        metadata=pai_meta(help="Epochs that are already done; a resumed training sets it itself."),
    )
    samples_per_epoch: int = field(
        default=-1,
        metadata=pai_meta(help="Samples that make up an epoch. -1: as many as the training generator has."),
    )
    scale_epoch_size: float = field(
        default=1,
        metadata=pai_meta(
            help="Factor for the length of an epoch. It has no effect if samples_per_epoch is given."
        ),
    )
    train_accum_steps: int = field(
        default=1,
        metadata=pai_meta(
            help="Batches whose gradients are averaged, by the number of their samples, before the weights "
            "are updated once: as if they were one large batch."
        ),
    )
    steps_per_execution: int = field(
        default=0,
        metadata=pai_meta(
            help="Training steps in one call into the compiled graph. 0: chosen automatically. It "
            "changes the speed, never the results; force_eager always runs single steps."
        ),
    )
    progress_bar_mode: int = field(
        default=1,
        metadata=pai_meta(
            help="0: no progress; 1: a bar on a terminal, lines elsewhere; 2: lines everywhere."
        ),
    )
    progbar_delta_time: float = field(
        default=5,
        metadata=pai_meta(help="Least seconds between two progress lines."),
    )
    tf_cpp_min_log_level: int = field(
        default=2,
        metadata=pai_meta(
            help="Messages of TensorFlow's C++ code: 0 all, 1 without infos, 2 without warnings, 3 none."
        ),
    )
    precision: Precision = field(
        default=Precision.FLOAT32,
        metadata=pai_meta(
            help="What the layers compute in; weights, losses and exports are float32 in any case. "
            "mixed_float16 is for GPUs, and scales the loss; on a CPU it is mixed_bfloat16."
        ),
    )
    jit_compile: bool = field(
        default=False,
        metadata=pai_meta(help="Compile the steps with XLA: a slow start, then often faster steps."),
    )
    deterministic: bool = field(
        default=False,
        metadata=pai_meta(
            help="Same parameters, same bits: slower kernels where the fast ones add in any order, and the "
            "random_seed 0 if none is given."
        ),
    )
    force_eager: bool = field(
        default=False,
        metadata=pai_meta(help="Run the graph line by line, so that a debugger stops in it; much slower."),
    )
    skip_model_load_test: bool = field(
        default=False,
        metadata=pai_meta(
            help="Do not check before the first epoch that the prediction model can be saved and loaded."
        ),
    )
    export_training_graph_path: Optional[str] = field(
        default=None,
        metadata=pai_meta(help="Kept for old parameter files; it has no effect."),
    )
    val_every_n: int = field(
        default=1,
        metadata=pai_meta(help="Validate after every n-th epoch; 0 or less: never."),
    )
    lav_every_n: int = field(
        default=0,
        metadata=pai_meta(
            help="Load and validate (LAV) after every n-th epoch, and after the last; 0 or less: never."
        ),
    )
    lav_silent: bool = field(
        default=True,
        metadata=pai_meta(help="Kept for old parameter files; LAV in a training is always silent."),
    )
    lav_min_epoch: int = field(
        default=0,
        metadata=pai_meta(help="First epoch, counted from 0, after which LAV runs."),
    )
    output_dir: Optional[str] = field(
        default=None,
        metadata=pai_meta(
            required=True,
            help="Folder for checkpoints, logs and exports. None: nothing is written.",
        ),
    )
    write_checkpoints: bool = field(
        default=True,
        metadata=pai_meta(
            help="Write the weights and the state of the training after each epoch, to resume "
            "from. The parameters are always written."
        ),
    )
    export_best: Optional[bool] = field(
        default=None,
        metadata=pai_meta(
            help="Export the model each time it is better than before. None: if there is an output_dir."
        ),
    )
    export_final: bool = field(
        default=True,
        metadata=pai_meta(help="Export the model of the last epoch, if there is an output_dir."),
    )
    export_onnx: bool = field(
        default=False,
        metadata=pai_meta(help="When the training is done, also write `model.onnx` into its exports."),
    )
    export_litert: bool = field(
        default=False,
        metadata=pai_meta(help="When the training is done, also write `model.tflite` into its exports."),
    )
    no_train_scope: Optional[str] = field(
        default=None,
        metadata=pai_meta(help="Regular expression; layers whose whole path matches are not trained."),
    )
    freeze: List[str] = field(
        default_factory=list,
        metadata=pai_meta(
            help="PATTERN:EPOCHS, or PATTERN for good: layers that are not trained before EPOCHS epochs are "
            "done. PATTERN is a regular expression for the path of a layer, for its end after a slash "
            "(backbone:2), or for its class (BatchNormalization)."
        ),
    )
    ema_decay: float = field(
        default=0.0,
        metadata=pai_meta(
            help="Decay of the moving average of the weights, below 1; validation and exports use "
            "the average. 0: no average; -1: chosen by the length of an epoch."
        ),
    )
    random_seed: Optional[int] = field(
        default=None,
        metadata=pai_meta(help="Seed of all random numbers: same seed, same result. None: not repeatable."),
    )
    profile: bool = field(
        default=False,
        metadata=pai_meta(help="Record a profile of the steps profile_steps for TensorBoard."),
    )
    profile_steps: List[int] = field(
        default_factory=lambda: [10, 20],
        metadata=pai_meta(help="First and last training step of the profile."),
    )
    device: DeviceConfigParams = field(
        default_factory=DeviceConfigParams,
        metadata=pai_meta(mode="flat", help="The devices to compute on."),
    )
    optimizer: OptimizerParams = field(
        default_factory=AdamOptimizer,
        metadata=pai_meta(mode="flat", choices=DEFAULT_OPTIMIZERS, help="The optimizer."),
    )
    learning_rate: LearningRateParams = field(
        default_factory=ExponentialDecayParams,
        metadata=pai_meta(mode="flat", choices=DEFAULT_SCHEDULES, help="How the learning rate changes."),
    )
    scenario: TScenarioParams = field(
        default_factory=ScenarioBaseParams,
        metadata=pai_meta(mode="flat", help="The scenario: its model, data and evaluator."),
    )  # type: ignore[assignment]
    part_optimizers: List[PartOptimizerParams] = field(
        default_factory=list,
        metadata=pai_meta(
            choices=[PartOptimizerParams],
            help="Further optimizers with learning rates of their own, each for the variables that it names; "
            "`PartOptimizer` once for each.",
        ),
    )
    warmstart: WarmStartParams = field(
        default_factory=WarmStartParams,
        metadata=pai_meta(mode="flat", help="Weights to start from."),
    )
    early_stopping: EarlyStoppingParams = field(
        default_factory=EarlyStoppingParams,
        metadata=pai_meta(mode="flat", help="When to stop early, and where the best model goes."),
    )
    gen: TTrainerPipelineParams = field(
        default_factory=TrainerPipelineParamsBase,
        metadata=pai_meta(help="The training and validation samples."),
    )  # type: ignore[assignment]
    max_steps: int = field(
        default=0,
        metadata=pai_meta(
            help="Steps after which the training ends, also within an epoch, counted from the very first. "
            "Then epochs has no effect. 0 or less: epochs counts."
        ),
    )
    val_every_n_steps: int = field(
        default=0,
        metadata=pai_meta(
            help="Also validate within an epoch, after every n-th step; the best model and early stopping "
            "follow it. 0 or less: only after epochs, see val_every_n."
        ),
    )
    save_every_n_steps: int = field(
        default=0,
        metadata=pai_meta(
            help="Also write a checkpoint after every n-th step. 0 or less: only after epochs."
        ),
    )
    save_every_minutes: float = field(
        default=0,
        metadata=pai_meta(
            help="Also write a checkpoint when the last is this old. 0 or less: only after epochs."
        ),
    )
    fast_dev_run: int = field(
        default=0,
        metadata=pai_meta(
            help="Try out every phase: this many batches of training, validation and LAV, then the exports. "
            "Nothing is left behind, output_dir is not touched. 0 or less: train as usual."
        ),
    )
    overfit_batches: int = field(
        default=0,
        metadata=pai_meta(
            help="Train on the first batches only, this many, again and again, and validate on the same: a "
            "model that can learn reaches a loss near 0. 0 or less: all batches."
        ),
    )
    debug_timing: bool = field(
        default=False,
        metadata=pai_meta(
            help="Log after each epoch how long a step takes, and the share of it spent waiting for data."
        ),
    )
    log_every_n: int = field(
        default=0,
        metadata=pai_meta(
            help="Also log within an epoch, after every n-th step: the means so far, and a validation batch "
            "beside. 0 or less: only after each epoch."
        ),
    )
    policies: List[PolicyParams] = field(
        default_factory=list,
        metadata=pai_meta(
            choices=DEFAULT_POLICIES,
            help="What follows the training: values that losses read by name, and reasons to stop.",
        ),
    )
    callbacks: List[str] = field(
        default_factory=list,
        metadata=NAMES_CODE
        | pai_meta(
            help="module:Class of Keras callbacks and policies of your own, created without arguments."
        ),
    )
    resume: Resume = field(
        default=Resume.NO,
        metadata=pai_meta(
            help="auto: go on if output_dir holds a training, else start; one command for both."
        ),
    )
    inexact_resume: bool = field(
        default=False,
        metadata=pai_meta(
            help="Let a resumed training have another random_seed or batch size; it is no longer exact."
        ),
    )
    overwrite: bool = field(
        default=False,
        metadata=pai_meta(help="Start anew, although output_dir holds a training, which is lost."),
    )
    grace_seconds: float = field(
        default=20,
        metadata=pai_meta(
            help="Seconds to save in after SIGTERM, Ctrl-C or SIGHUP, before the program ends at once."
        ),
    )
    keep: int = field(
        default=2,
        metadata=pai_meta(
            help="Checkpoints that are kept: the newest ones, and beside them that of the best epoch."
        ),
    )
    preload_data: bool = field(
        default=False,
        metadata=pai_meta(help="Read and process all samples once, and keep them in memory."),
    )
    preload_data_progress_bar: bool = field(
        default=True,
        metadata=pai_meta(help="Show how far preload_data is."),
    )
    saved_checkpoint_sub_dir: str = field(default="", metadata=pai_meta(mode="ignore"))
    checkpoint_sub_dir: str = field(default="", metadata=pai_meta(mode="ignore"))
    checkpoint_save_freq: Union[str, int] = field(  # noqa: UP007 - dataclasses_json reads no `|`
        default="epoch", metadata=pai_meta(mode="ignore")
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give `scenario` and `gen` the classes that a subclass put in for them."""
        super().__init_subclass__(**kwargs)
        bind_fields(cls, {"scenario": TScenarioParams, "gen": TTrainerPipelineParams})

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        self._check_epochs()
        self._check_running()
        self._check_computing()
        check_pattern("--trainer.no_train_scope", self.no_train_scope)
        for rule in self.freeze:
            FreezeRule.parse(rule)
        check_number(
            "--trainer.random_seed",
            self.random_seed,
            at_least=0,
            at_most=_LARGEST_SEED,
            optional=True,
        )
        check_number(
            "--trainer.ema_decay",
            self.ema_decay,
            less_than=1,
            hint="0 switches the average off, -1 chooses the decay.",
        )

    def _check_epochs(self) -> None:
        check_number("--trainer.epochs", self.epochs, at_least=0)
        check_number("--trainer.current_epoch", self.current_epoch, at_least=0)
        check_number("--trainer.scale_epoch_size", self.scale_epoch_size, more_than=0)
        check_number("--trainer.train_accum_steps", self.train_accum_steps, at_least=1)
        if self.samples_per_epoch == 0:
            raise UsageError(
                "`--trainer.samples_per_epoch` must be at least 1, got 0. -1 takes as many as there are."
            )

    def _check_computing(self) -> None:
        if self.jit_compile and self.force_eager:
            raise UsageError(
                "`--trainer.jit_compile True` and `--trainer.force_eager True` exclude each other: XLA has "
                "no line to stop in. Leave one of them out."
            )
        if self.deterministic and self.device.gpu_auto_tune:
            raise UsageError(
                "`--trainer.deterministic True` and `--device.gpu_auto_tune True` exclude each other: which "
                "algorithm is the fastest differs from run to run. Leave one of them out."
            )
        if self.precision != Precision.FLOAT32 and self.scenario.use_input_gradient_regularization:
            raise UsageError(
                f"`--trainer.precision {self.precision.value}` is too coarse for the small steps of "
                "`--scenario.use_input_gradient_regularization True`. Use `float32`."
            )

    def _check_running(self) -> None:
        check_one_of("--trainer.progress_bar_mode", self.progress_bar_mode, (0, 1, 2))
        check_number("--trainer.keep", self.keep, at_least=1)
        check_number("--trainer.grace_seconds", self.grace_seconds, more_than=0)
        check_number("--trainer.progbar_delta_time", self.progbar_delta_time, at_least=0)
        check_one_of("--trainer.tf_cpp_min_log_level", self.tf_cpp_min_log_level, (0, 1, 2, 3))
        check_number(
            "--trainer.steps_per_execution",
            self.steps_per_execution,
            at_least=0,
            hint="0 chooses the number automatically.",
        )
        steps = self.profile_steps
        if len(steps) != 2 or not 0 <= steps[0] <= steps[1]:
            raise UsageError(
                f"`--trainer.profile_steps` takes the first and the last step, got {steps}. Try `10 20`."
            )


def check_outputs(params: TrainerParams) -> None:
    """Refuse a training whose outputs have no place, or that is to be spread; to be called when it starts.

    It is no part of `__post_init__`, because scenarios set `output_dir` on params that exist
    already.
    """
    if params.export_best and params.output_dir is None:
        raise UsageError(
            "`--trainer.export_best True` needs a place to export to: set `--trainer.output_dir`."
        )
    strategy = params.device.dist_strategy
    if strategy != DistributionStrategy.DEFAULT:
        raise UsageError(
            f"`--device.dist_strategy {strategy.value}` is not supported: a training runs on one device. "
            "Leave it out, and choose the device with `--device.gpus`. `--trainer.train_accum_steps` makes "
            "updates as of larger batches."
        )
    if params.output_dir is not None and (
        found := re.search(r"[*?\[\\]", os.path.abspath(params.output_dir))
    ):
        raise UsageError(
            f"`--trainer.output_dir {params.output_dir}` has a `{found[0]}` in its path, which TensorFlow "
            "takes for a pattern when it reads an export. Choose another name."
        )
    if params.overwrite and params.resume != Resume.NO:
        raise UsageError(
            f"`--trainer.overwrite True` and `--trainer.resume {params.resume.value}` exclude each other. "
            "Leave one of them out."
        )
