import copy
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from paiargparse import pai_dataclass

from tfaip.data.databaseparams import DataBaseParams, DataGeneratorParams, DataPipelineParams
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.device.device_config import DistributionStrategy
from tfaip.errors import UsageError
from tfaip.lav.params import LAVParams
from tfaip.model.modelbaseparams import ModelBaseParams
from tfaip.params.post_init import post_init
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
from tfaip.trainer.callbacks.earlystopping.params import EarlyStoppingParams
from tfaip.trainer.optimizer import (
    AdaBeliefOptimizer,
    AdamOptimizer,
    LAMBOptimizer,
    RMSpropOptimizer,
    SGDOptimizer,
)
from tfaip.trainer.optimizer.optimizers import OptimizerParams
from tfaip.trainer.params import (
    TrainerParams,
    TrainerPipelineParams,
    TrainerPipelineParamsBase,
    TrainerPipelines,
    check_outputs,
)
from tfaip.trainer.scheduler import (
    Constant,
    CosineDecayParams,
    ExponentialDecayParams,
    WarmupConstantCosineDecayParams,
    WarmupCosineDecayParams,
)
from tfaip.trainer.scheduler.warmup_decay_params import WarmupDecayParams
from tfaip.trainer.warmstart.warmstart_params import WarmStartParams


@pai_dataclass
@dataclass
class TrainGen(DataGeneratorParams):
    path: str = "train"


@pai_dataclass
@dataclass
class ValGen(DataGeneratorParams):
    path: str = "val"


@pai_dataclass
@dataclass
class Pipelines(TrainerPipelineParams[TrainGen, ValGen]):
    pass


@pai_dataclass
@dataclass
class Scenario(ScenarioBaseParams[DataBaseParams, ModelBaseParams]):
    depth: int = 3


@pai_dataclass
@dataclass
class Params(TrainerParams[Scenario, Pipelines]):
    extra: int = 1


TScenario = TypeVar("TScenario", bound=Scenario)


@pai_dataclass
@dataclass
class HalfBound(TrainerParams[TScenario, Pipelines]):
    pass


@pai_dataclass
@dataclass
class Redeclared(TrainerPipelineParams[TrainGen, ValGen]):
    val: TrainGen = None  # type: ignore[assignment]

    def val_gen(self):
        return None


def test_generic_fields_get_the_bound_classes():
    params = Params()

    assert type(params.scenario) is Scenario
    assert type(params.gen) is Pipelines
    assert type(params.gen.train) is TrainGen
    assert type(params.gen.val) is ValGen
    assert (Pipelines.train_cls(), Pipelines.val_cls()) == (TrainGen, ValGen)


def test_half_bound_params_take_the_bound_of_the_open_variable():
    assert type(HalfBound().gen) is Pipelines
    assert type(HalfBound().scenario) is Scenario


def test_binding_leaves_the_fields_of_the_parent_alone():
    defaults = {f.name: f.default_factory for f in fields(TrainerParams)}

    assert defaults["scenario"] is ScenarioBaseParams
    assert defaults["gen"] is TrainerPipelineParamsBase


def test_redeclared_field_wins():
    params = Redeclared()

    assert params.val is None
    assert params.lav_gen() == []
    assert type(params.train) is TrainGen


def test_params_survive_json():
    params: Any = Params(epochs=3, optimizer=SGDOptimizer(momentum=0.5), learning_rate=Constant(lr=0.25))
    params.gen.train.path = "other"

    again = type(params).from_dict(params.to_dict())

    assert again == params
    assert type(again.optimizer) is SGDOptimizer
    assert type(again.gen.val) is ValGen


def test_copies_are_equal_and_apart():
    params = Params()

    again = copy.deepcopy(params)
    again.early_stopping.n = 7

    assert params != again
    assert params.early_stopping.n == 1


def test_unknown_attributes_are_refused():
    params: Any = Params()

    with pytest.raises(AttributeError, match="epocs"):
        params.epocs = 3


def test_pipelines_know_what_they_are_for_also_when_they_were_exchanged():
    params = Params()
    params.gen.setup.val = DataPipelineParams(batch_size=3)
    params.gen.setup.train = DataPipelineParams()

    post_init(params)

    assert params.gen.setup.train.mode == PipelineMode.TRAINING
    assert params.gen.setup.val.mode == PipelineMode.EVALUATION
    assert TrainerPipelines().val.mode == PipelineMode.EVALUATION
    assert LAVParams().pipeline.mode == PipelineMode.EVALUATION


def test_lav_reads_the_validation_samples_by_default():
    params = Pipelines()

    assert params.lav_gen() == [params.val]


def test_pipelines_ask_the_data_for_the_pipeline_of_each_generator():
    class Data:
        def get_or_create_pipeline(self, pipeline_params, generator):
            return pipeline_params.mode, generator

        create_pipeline = get_or_create_pipeline

    params, data = Pipelines(), cast(Any, Data())

    assert params.train_data(data) == (PipelineMode.TRAINING, params.train)
    assert params.val_data(data) == (PipelineMode.EVALUATION, params.val)
    assert params.lav_data(data) == [(PipelineMode.EVALUATION, params.val)]


def test_training_samples_must_be_there():
    class NoData:
        def get_or_create_pipeline(self, pipeline_params, generator):
            return None

    with pytest.raises(UsageError, match=r"`Pipelines\.train_gen` returned None"):
        Pipelines().train_data(cast(Any, NoData()))
    assert Pipelines().val_data(cast(Any, NoData())) is None


def test_base_params_say_which_method_is_missing():
    with pytest.raises(NotImplementedError, match="train_gen"):
        TrainerPipelineParamsBase().train_gen()
    with pytest.raises(NotImplementedError, match="val_gen"):
        TrainerPipelineParamsBase().val_gen()
    with pytest.raises(NotImplementedError, match=r"OptimizerParams\.create"):
        OptimizerParams().create()


NAN = float("nan")


@pytest.mark.parametrize(
    ("cls", "values", "flags"),
    [
        (Params, {"epochs": -4}, ["--trainer.epochs"]),
        (Params, {"current_epoch": -1}, ["--trainer.current_epoch"]),
        (Params, {"samples_per_epoch": 0}, ["--trainer.samples_per_epoch"]),
        (Params, {"scale_epoch_size": 0}, ["--trainer.scale_epoch_size"]),
        (Params, {"scale_epoch_size": NAN}, ["--trainer.scale_epoch_size"]),
        (Params, {"train_accum_steps": 0}, ["--trainer.train_accum_steps"]),
        (Params, {"steps_per_execution": -1}, ["--trainer.steps_per_execution"]),
        (Params, {"progress_bar_mode": 3}, ["--trainer.progress_bar_mode"]),
        (Params, {"progbar_delta_time": -1.0}, ["--trainer.progbar_delta_time"]),
        (Params, {"tf_cpp_min_log_level": 4}, ["--trainer.tf_cpp_min_log_level"]),
        (Params, {"ema_decay": 1.0}, ["--trainer.ema_decay"]),
        (Params, {"ema_decay": NAN}, ["--trainer.ema_decay"]),
        (Params, {"random_seed": -1}, ["--trainer.random_seed"]),
        (Params, {"random_seed": 2**32}, ["--trainer.random_seed"]),
        (Params, {"no_train_scope": "("}, ["--trainer.no_train_scope"]),
        (Params, {"profile_steps": [5]}, ["--trainer.profile_steps"]),
        (Params, {"profile_steps": [20, 10]}, ["--trainer.profile_steps"]),
        (Constant, {"lr": NAN}, ["--learning_rate.lr"]),
        (Constant, {"lr": -1.0}, ["--learning_rate.lr"]),
        (Constant, {"lr": float("inf")}, ["--learning_rate.lr"]),
        (ExponentialDecayParams, {"learning_circle": 0}, ["--learning_rate.learning_circle"]),
        (ExponentialDecayParams, {"lr_decay_rate": 0.0}, ["--learning_rate.lr_decay_rate"]),
        (ExponentialDecayParams, {"decay_min_fraction": 2.0}, ["--learning_rate.decay_min_fraction"]),
        (CosineDecayParams, {"alpha": -0.1}, ["--learning_rate.alpha"]),
        (CosineDecayParams, {"final_epochs": -1}, ["--learning_rate.final_epochs"]),
        (WarmupCosineDecayParams, {"warmup_epochs": -1}, ["--learning_rate.warmup_epochs"]),
        (WarmupCosineDecayParams, {"warmup_factor": 0}, ["--learning_rate.warmup_factor"]),
        (WarmupConstantCosineDecayParams, {"constant_epochs": -1}, ["--learning_rate.constant_epochs"]),
        (
            WarmupDecayParams,
            {"warmup_epochs": 1, "warmup_steps": 1},
            ["--learning_rate.warmup_epochs", "--learning_rate.warmup_steps"],
        ),
        (AdamOptimizer, {"beta_1": 1.0}, ["--optimizer.beta_1"]),
        (AdamOptimizer, {"beta_2": -0.1}, ["--optimizer.beta_2"]),
        (AdamOptimizer, {"epsilon": NAN}, ["--optimizer.epsilon"]),
        (AdamOptimizer, {"weight_decay": -1.0}, ["--optimizer.weight_decay"]),
        (AdamOptimizer, {"clip_norm": 0.0}, ["--optimizer.clip_norm"]),
        (
            AdamOptimizer,
            {"clip_norm": 1.0, "global_clip_norm": 1.0},
            ["--optimizer.clip_norm", "--optimizer.global_clip_norm"],
        ),
        (SGDOptimizer, {"momentum": 1.1}, ["--optimizer.momentum"]),
        (RMSpropOptimizer, {"rho": 1.0}, ["--optimizer.rho"]),
        (AdaBeliefOptimizer, {"sma_threshold": 3.0}, ["--optimizer.sma_threshold"]),
        (AdaBeliefOptimizer, {"warmup_proportion": 2.0}, ["--optimizer.warmup_proportion"]),
        (LAMBOptimizer, {"exclude_from_weight_decay": ["["]}, ["--optimizer.exclude_from_weight_decay"]),
        (EarlyStoppingParams, {"n_to_go": 1}, ["--early_stopping.n_to_go", "2 or more"]),
        (EarlyStoppingParams, {"lower_threshold": NAN}, ["--early_stopping.lower_threshold"]),
        (
            EarlyStoppingParams,
            {"lower_threshold": 0.9, "upper_threshold": 0.1},
            ["--early_stopping.lower_threshold", "--early_stopping.upper_threshold"],
        ),
        (EarlyStoppingParams, {"mode": "best"}, ["early_stopping.mode", "'min', 'max'"]),
        (WarmStartParams, {"include": "["}, ["--warmstart.include"]),
        (WarmStartParams, {"rename": ["a>b"]}, ["--warmstart.rename", "FROM->TO", "'a>b'"]),
        (WarmStartParams, {"rename_targets": ["->b"]}, ["--warmstart.rename_targets"]),
        (
            WarmStartParams,
            {"allow_partial": True, "exclude": "x"},
            ["--warmstart.allow_partial", "--warmstart.exclude"],
        ),
    ],
    ids=lambda x: x.__name__ if isinstance(x, type) else "-".join(x) if isinstance(x, dict) else "",
)
def test_wrong_value_is_refused_with_its_flag(cls, values, flags):
    with pytest.raises(UsageError) as raised:
        cls(**values)

    for flag in flags:
        assert flag in str(raised.value)


@pytest.mark.parametrize(
    ("cls", "values"),
    [
        (Constant, {"lr": 0.0}),
        (EarlyStoppingParams, {"n_to_go": 0}),
        (Params, {"epochs": 0}),
        (Params, {"ema_decay": -1.0}),
        (Params, {"export_best": True}),
        (Params, {"random_seed": 0}),
        (Params, {"val_every_n": -1}),
        (WarmStartParams, {"rename": ["a->"]}),
    ],
    ids=str,
)
def test_special_values_are_accepted(cls, values):
    params = cls(**values)

    params.__post_init__()

    assert {name: getattr(params, name) for name in values} == values


def test_exporting_the_best_needs_a_place():
    params = Params(export_best=True)

    with pytest.raises(UsageError, match=r"--trainer.output_dir"):
        check_outputs(params)
    params.output_dir = "out"
    check_outputs(params)


def test_the_page_about_training_names_every_flag():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "training.md").read_text()
    table = page[page.index("## All flags by theme") :]
    flags = {field.name for field in fields(TrainerParams) if field.metadata.get("mode") == "snake"}

    named = set(re.findall(r"`(\w+)`", table)) - {"calc_ema"}

    assert named == flags


@pytest.mark.parametrize("strategy", ["mirror", "central_storage"])
def test_a_training_on_many_devices_is_refused(strategy):
    params = TrainerParams()
    params.device.dist_strategy = DistributionStrategy(strategy)

    with pytest.raises(
        UsageError, match=rf"`--device.dist_strategy {strategy}` is not supported.*one device"
    ):
        check_outputs(params)
