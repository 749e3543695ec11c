"""Ways in which existing scenarios use the base classes; each must go on working."""

# pyright: basic, reportIncompatibleMethodOverride=false, reportGeneralTypeIssues=false
# pyright: reportInvalidTypeArguments=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportOptionalMemberAccess=false

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import keras
import numpy as np
import pytest
import tensorflow as tf
from paiargparse import pai_dataclass, pai_meta

from tests.toy.params import ToyDataParams, ToyModelParams, ToyPipelineParams, ToyScenarioParams
from tests.toy.scenario import ToyScenario
from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.datagenerator import DataGenerator
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.model.graphbase import GenericGraphBase, GraphBase
from tfaip.model.layerbase import LayerBase, LayerBaseParams
from tfaip.model.modelbase import ModelBase
from tfaip.params.post_init import post_init
from tfaip.scenario.scenariobase import ScenarioBase
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
from tfaip.trainer.params import TrainerParams, TrainerPipelineParams, TrainerPipelineParamsBase
from tfaip.trainer.trainer import Trainer

# ---- type variables: redeclared with a narrower bound, bound in steps, in any order


@pai_dataclass
@dataclass
class WideModelParams(ToyModelParams):
    """More than the toy has."""

    width: int = 3


TModelParams = TypeVar("TModelParams", bound=WideModelParams)
TScenario = TypeVar("TScenario", bound=ToyScenarioParams)


@pai_dataclass
@dataclass
class StepParams(ScenarioBaseParams[ToyDataParams, TModelParams], Generic[TModelParams]):
    """One of two is bound."""


@pai_dataclass
@dataclass
class BoundParams(StepParams[WideModelParams]):
    """Both are bound."""


class StepScenario(ScenarioBase[TScenario, ToyPipelineParams], Generic[TScenario]):
    """Half bound."""


class FullScenario(StepScenario[ToyScenarioParams]):
    """Bound."""


class PlainSubclass(FullScenario):
    """Inherits what was bound."""


def test_type_variables_are_bound_in_steps_and_inherited():
    assert BoundParams.model_cls() is WideModelParams
    assert isinstance(BoundParams().model, WideModelParams)
    assert isinstance(BoundParams().data, ToyDataParams)
    assert isinstance(StepParams().model, ToyModelParams)
    for scenario in (FullScenario, PlainSubclass):
        assert scenario.params_cls() is ToyScenarioParams
        assert scenario.trainer_pipeline_params_cls() is ToyPipelineParams


def test_a_subclass_never_changes_the_fields_of_its_parent():
    assert type(ScenarioBaseParams().model) is not ToyModelParams
    assert type(TrainerPipelineParams().train) is DataGeneratorParams


# ---- further constructor arguments


class ToldModel(ModelBase[ToyModelParams]):
    """Wants to know the number of classes."""

    def __init__(self, n_classes, **kwargs):
        super().__init__(**kwargs)
        self.n_classes = n_classes


class ToldGraph(GraphBase):
    """Wants to know it too, before the params."""

    def __init__(self, n_classes, params, **kwargs):
        super().__init__(params, **kwargs)
        self.n_classes = n_classes

    def build_graph(self, inputs, training=None):
        raise NotImplementedError


@pai_dataclass
@dataclass
class ToldModelParams(ToyModelParams):
    """The model and graph above."""

    @staticmethod
    def cls():
        return ToldModel

    def graph_cls(self):
        return ToldGraph


@pai_dataclass
@dataclass
class ToldParams(ScenarioBaseParams[ToyDataParams, ToldModelParams]):
    """As named."""


class ToldScenario(ScenarioBase[ToldParams, ToyPipelineParams]):
    """Tells both."""

    @staticmethod
    def additional_model_kwargs(data, scenario_params):
        return {"n_classes": 5}

    @staticmethod
    def additional_graph_kwargs(data, scenario_params):
        return {"n_classes": 6}


def test_constructor_arguments_reach_model_and_graph_and_nothing_is_traced():
    scenario = ToldScenario.default_params().create()

    scenario.create_model_and_graph()

    assert (scenario.model.n_classes, scenario.graph.n_classes) == (5, 6)


def test_an_argument_that_nobody_takes_is_named():
    with pytest.raises(TypeError, match=r"\['extra'\].*additional_model_kwargs"):
        ToldModel(5, params=ToldModelParams(), extra=1)


# ---- layers with params


@pai_dataclass
@dataclass
class ScaleParams(LayerBaseParams):
    """A factor."""

    factor: float = 2.0

    @staticmethod
    def cls():
        return Scale


@pai_dataclass
@dataclass
class ShiftedParams(ScaleParams):
    """And a summand."""

    shift: float = 1.0

    @staticmethod
    def cls():
        return Shifted


TScale = TypeVar("TScale", bound=ScaleParams)


class Scale(LayerBase[TScale], Generic[TScale]):
    """Takes a positional argument of its own."""

    def __init__(self, power, params, **kwargs):
        super().__init__(params, **kwargs)
        self.power = power

    def call(self, inputs, **kwargs):
        return self.params.factor * inputs**self.power


class Shifted(Scale[ShiftedParams]):
    """Binds narrower params."""

    def call(self, inputs, **kwargs):
        return super().call(inputs, **kwargs) + self.params.shift


class LayersGraph(GraphBase):
    """An array in, a tensor out."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = ShiftedParams().create(power=2)

    def build_graph(self, inputs, training=None):
        return self.scale(inputs)


def test_layers_with_params_work_on_plain_arrays():
    graph = LayersGraph(params=ToyModelParams())

    np.testing.assert_allclose(graph.predict(np.full((2, 2), 3.0, "float32")), 19.0)
    assert Shifted.params_cls() is ShiftedParams
    assert Scale.params_cls() is ScaleParams


# ---- different graphs that share their weights


class TwoGraphs(GenericGraphBase):
    """Training adds 1."""

    def __init__(self, params, name="TwoGraphs", **kwargs):
        super().__init__(params, name=name, **kwargs)
        self.dense = keras.layers.Dense(1)

    def build_train_graph(self, inputs, targets=None, training=None):
        return self.dense(inputs["x"]) + 1

    def build_prediction_graph(self, inputs):
        return self.dense(inputs["x"])


def test_training_and_prediction_graph_share_weights():
    graph = TwoGraphs(ToyModelParams())
    x = {"x": np.ones((2, 3), "float32")}

    trained, predicted = graph.train(inputs=x, targets=None), graph.predict(x)

    np.testing.assert_allclose(trained, predicted + 1)
    assert len(graph.weights) == 2


class Ensemble(GraphBase):
    """Graphs inside a graph, told whether they train."""

    def __init__(self, params, **kwargs):
        super().__init__(params, **kwargs)
        self.voters = [TwoGraphs(params, f"voter_{i}") for i in range(2)]
        self.seen = []

    def build_graph(self, inputs, training=None):
        self.seen.append(training)
        return {"votes": tf.stack([voter.train(inputs, None) for voter in self.voters])}


def test_nested_graphs_have_names_and_know_whether_they_train():
    graph = Ensemble(ToyModelParams())

    graph.train({"x": np.ones((2, 3), "float32")}, None, training=True)

    assert graph.seen[-1] is True
    assert {w.path.split("/")[1] for w in graph.weights} == {"voter_0", "voter_1"}


# ---- metrics in lists, with weights, and of one's own


class Doubled(keras.metrics.Mean):
    """A subclass of Mean."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(2 * y_pred, sample_weight)


class MetricModel(ModelBase[ToyModelParams]):
    """Calls metrics from a list, one with weights."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.in_list = [Doubled(name=f"doubled_{i}") for i in range(2)]
        self.weighted = keras.metrics.Mean(name="weighted")

    def _loss(self, inputs, targets, outputs):
        return {"loss": tf.reduce_mean(outputs["logits"] ** 2, axis=-1)}

    def _metric(self, inputs, targets, outputs):
        ones = tf.ones_like(outputs["side"], tf.float32)
        weight = tf.cast(targets["side"][:, 0], tf.float32)
        results = [metric(ones, ones) for metric in self.in_list]
        return [*results, self.weighted(weight, sample_weight=weight)]


def test_metrics_in_lists_are_logged_and_a_loss_may_be_called_loss(monkeypatch):
    monkeypatch.setattr("tests.toy.params.ToyModelParams.cls", staticmethod(lambda: MetricModel))
    params = ToyScenario.default_trainer_params()
    params.epochs = 1

    logs = ToyScenario.create_trainer(params).train()

    assert logs["doubled_0"] == logs["val_doubled_1"] == 2.0
    assert logs["weighted"] == 1.0
    assert {"loss", "loss/mean_epoch"} <= set(logs)


# ---- generators made late, and trainers of one's own


@pai_dataclass
@dataclass
class NeedyParams(DataGeneratorParams):
    """Has a field without default."""

    number: int = field(metadata=pai_meta(help="Required."))

    @staticmethod
    def cls():
        return Counting


class Counting(DataGenerator[NeedyParams]):
    """Yields plain numbers."""

    def __len__(self):
        return self.params.number

    def generate(self):
        return range(self.params.number)


@pai_dataclass
@dataclass
class LatePipelineParams(TrainerPipelineParamsBase[NeedyParams, NeedyParams]):
    """Makes them when asked."""

    def train_gen(self):
        return NeedyParams(number=3)

    def val_gen(self):
        return None


def test_generators_with_required_fields_are_made_late():
    generator = LatePipelineParams().train_gen().create(PipelineMode.TRAINING)

    assert list(generator.generate()) == [0, 1, 2]
    assert LatePipelineParams().lav_gen() == []


@pai_dataclass
@dataclass
class OwnTrainerParams(TrainerParams[ToyScenarioParams, ToyPipelineParams]):
    """A field more, another type for `gen`, and values computed from others."""

    gen: ToyPipelineParams = field(default_factory=ToyPipelineParams)
    patience: int = 4

    def __post_init__(self):
        self.early_stopping.n_to_go = self.patience


class OwnTrainer(Trainer[OwnTrainerParams]):
    """Overrides what scenarios override."""

    def setup_data(self):
        self.calls = ["data"]
        super().setup_data()

    def setup_callbacks(self, optimizer, callbacks=None):
        self.calls.append(type(optimizer).__name__)
        return super().setup_callbacks(optimizer, callbacks)


class OwnScenario(ToyScenario):
    """Has a trainer of its own."""

    @classmethod
    def trainer_cls(cls):
        return OwnTrainer


def test_a_scenario_may_have_its_own_trainer_and_params():
    params = OwnScenario.default_trainer_params()
    params.patience = 3
    post_init(params)
    trainer = OwnScenario.create_trainer(params)

    trainer.train()

    assert isinstance(params, OwnTrainerParams)
    assert params.early_stopping.n_to_go == 3
    assert trainer.calls == ["data", "Adam"]


def test_a_second_training_may_follow_with_exchanged_callbacks_and_data():
    params = ToyScenario.default_trainer_params()
    trainer = ToyScenario.create_trainer(params)
    trainer.train()
    first = trainer.data.pipeline_by_mode(PipelineMode.TRAINING)
    trainer.data._pipelines[PipelineMode.TRAINING] = first.as_preloaded(progress_bar=False)
    params.current_epoch, params.epochs = 0, 1
    params.early_stopping.current = None
    index = next(i for i, c in enumerate(trainer._callbacks) if type(c).__name__.startswith("TrainerCheck"))
    trainer._callbacks[index] = trainer.create_train_params_logger_callback(
        store_params=False, store_weights=True
    )

    trainer.setup_steps_per_epoch()
    logs = trainer.fit()

    assert params.current_epoch == 1
    assert trainer._steps_per_epoch == 5
    assert "val_acc" in logs
