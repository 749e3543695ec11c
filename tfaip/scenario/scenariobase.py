"""The front desk of a scenario: each method starts a neighbour, which is imported when it is needed."""

import inspect
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Generic, List, Optional, Tuple, Type, TypeVar

from tfaip.errors import UsageError
from tfaip.evaluator.evaluator import EvaluatorBase
from tfaip.params.generics import type_argument
from tfaip.params.post_init import post_init
from tfaip.params.trust import reading
from tfaip.resource.containment import check_resources
from tfaip.scenario import factories, params_files
from tfaip.scenario.comparison import ComparedSamples
from tfaip.scenario.discovery import import_scenario as import_scenario
from tfaip.scenario.factories import LAVParams, TrainerParams, TrainerPipelineParamsBase
from tfaip.scenario.scenariobaseparams import NetConfigParamsBase, ScenarioBaseParams

if TYPE_CHECKING:
    import keras

    from tfaip.data.data import DataBase
    from tfaip.lav.lav import LAV
    from tfaip.lav.multilav import MultiLAV
    from tfaip.model.graphbase import GenericGraphBase, RootGraph
    from tfaip.model.modelbase import ModelBase
    from tfaip.model.training_model import TrainingModel
    from tfaip.predict.multimodelpredictor import MultiModelPredictor
    from tfaip.predict.params import PredictorParams
    from tfaip.predict.predictor import Predictor
    from tfaip.scenario.export import SavedGraph
    from tfaip.trainer.trainer import Trainer

TScenarioParams = TypeVar("TScenarioParams", bound=ScenarioBaseParams)
TTrainerPipelineParams = TypeVar("TTrainerPipelineParams", bound=TrainerPipelineParamsBase)

logger = logging.getLogger(__name__)


class ScenarioBase(Generic[TScenarioParams, TTrainerPipelineParams]):
    """One task: data, model and graph, and everything that runs them.

    `class MyScenario(ScenarioBase[MyScenarioParams, MyTrainerPipelineParams])`. Subclasses may override the
    class methods that name classes (`trainer_cls`, `predictor_cls`, ...), `default_params`,
    `default_trainer_params`, and the static methods that return further constructor arguments.
    """

    # ---- classes

    @classmethod
    def params_cls(cls) -> Type[TScenarioParams]:
        """Return the bound class of the scenario params."""
        return type_argument(cls, TScenarioParams)

    @classmethod
    def trainer_pipeline_params_cls(cls) -> Type[TTrainerPipelineParams]:
        """Return the bound class of the params that say where samples come from."""
        return type_argument(cls, TTrainerPipelineParams)

    @classmethod
    def predict_generator_params_cls(cls) -> Type[Any]:
        """Return the params class of the prediction samples; that of validation unless overridden."""
        return cls.trainer_pipeline_params_cls().val_cls()

    @classmethod
    def data_cls(cls) -> "Type[DataBase]":
        """Return the class of the data."""
        return cls.params_cls().data_cls().cls()

    @classmethod
    def model_cls(cls) -> "Type[ModelBase]":
        """Return the class of the model."""
        return cls.params_cls().model_cls().cls()

    @classmethod
    def evaluator_cls(cls) -> Type[EvaluatorBase]:
        """Return the class of the evaluator."""
        return EvaluatorBase

    @classmethod
    def trainer_cls(cls) -> "Type[Trainer]":
        """Return the class of the trainer; its params class is bound to this scenario."""
        return factories.local_trainer_cls(cls)

    @classmethod
    def trainer_params_cls(cls) -> Type[TrainerParams]:
        """Return the class of the trainer params, without loading the trainer if it is the ordinary one."""
        if cls.trainer_cls.__func__ is ScenarioBase.trainer_cls.__func__:  # type: ignore[attr-defined]
            return factories.local_trainer_params_cls(cls)
        return cls.trainer_cls().params_cls()

    @classmethod
    def lav_cls(cls) -> "Type[LAV]":
        """Return the class that validates an export; override it to use your own."""
        return factories.default_lav_cls()

    @classmethod
    def lav_params_cls(cls) -> Type[LAVParams]:
        """Return the class of the LAV params, without loading LAV if it is the ordinary one."""
        if cls.lav_cls.__func__ is ScenarioBase.lav_cls.__func__:  # type: ignore[attr-defined]
            return LAVParams
        return cls.lav_cls().params_cls()

    @classmethod
    def multi_lav_cls(cls) -> "Type[MultiLAV]":
        """Return the class that validates several exports whose models vote; override it to use your own."""
        return factories.default_multi_lav_cls()

    @classmethod
    def predictor_cls(cls) -> "Type[Predictor]":
        """Return the class that predicts with one model; override it to print results in a readable way."""
        return factories.default_predictor_cls()

    @classmethod
    def multi_predictor_cls(cls) -> "Type[MultiModelPredictor]":
        """Return the class that predicts with several models; override it to say how they vote."""
        raise UsageError(
            f"`{cls.__name__}` does not say how several models vote. Override `multi_predictor_cls` and "
            "return a subclass of `MultiModelPredictor` with a `create_voter`."
        )

    @staticmethod
    def net_config_cls() -> Type[NetConfigParamsBase]:
        """Return the class of the description of an export."""
        return NetConfigParamsBase

    # ---- params

    @classmethod
    def default_params(cls) -> TScenarioParams:
        """Return new scenario params with the defaults of data and evaluator; extend it to change them."""
        params = cls.params_cls()()
        params.scenario_base_path = inspect.getfile(cls)
        params.scenario_id = f"{cls.__module__}:{cls.__name__}"
        params.data = cls.data_cls().default_params()
        params.evaluator = cls.evaluator_cls().default_params()
        return params

    @classmethod
    def default_trainer_params(cls) -> TrainerParams:
        """Return new trainer params with the scenario's defaults; extend it to change defaults."""
        return cls.trainer_params_cls()(
            scenario=cls.default_params(), gen=cls.trainer_pipeline_params_cls()()
        )

    @classmethod
    def params_from_dict(cls, d: Dict[str, Any]) -> TScenarioParams:
        """Return the scenario params in a dict, which may also be one of trainer params."""
        return params_files.params_of_scenario(cls, cls.params_cls(), d.get("scenario", d))

    @classmethod
    def params_from_path(cls, path: str) -> TScenarioParams:
        """Return the scenario params in an export folder or JSON file."""
        with reading(path):
            params = cls.params_from_dict(cls.read_params_dict_from_path(path))
            check_resources(params.data, params.data.resource_base_path)
            return params

    @classmethod
    def read_params_dict_from_path(cls, path: str) -> Dict[str, Any]:
        """Return the scenario params in an export folder or JSON file as a dict."""
        return params_files.scenario_params_dict(path)

    @classmethod
    def from_path(cls, path: str) -> "Tuple[Type[ScenarioBase], ScenarioBaseParams]":
        """Return scenario class and params in an export folder or JSON file; call it on `ScenarioBase`."""
        with reading(path):
            scenario, params = cls.from_dict(cls.read_params_dict_from_path(path))
            check_resources(params.data, params.data.resource_base_path)
            return scenario, params

    @classmethod
    def from_dict(cls, d: Dict[str, Any]) -> "Tuple[Type[ScenarioBase], ScenarioBaseParams]":
        """Return the scenario class and params in a dict; call it on `ScenarioBase`."""
        if cls is not ScenarioBase:
            raise ValueError(
                f"`from_dict` finds the scenario class itself: call `ScenarioBase.from_dict`, not "
                f"`{cls.__name__}.from_dict`; for params of this class use `params_from_dict`."
            )
        content = d.get("scenario", d)
        scenario = params_files.scenario_of_params(content)
        return scenario, scenario.params_from_dict(content)

    # ---- what runs a scenario

    @classmethod
    def create_trainer(cls, trainer_params: TrainerParams, restore: bool = False) -> "Trainer":
        """Return a trainer; with `restore` it continues what `output_dir` holds."""
        post_init(trainer_params)
        return cls.trainer_cls()(trainer_params, cls(trainer_params.scenario), restore)

    @classmethod
    def create_lav(cls, lav_params: LAVParams, scenario_params: ScenarioBaseParams) -> "LAV":
        """Return what validates the export in `lav_params.model_path`.

        Args:
            lav_params: How to validate.
            scenario_params: The scenario params of the export.
        """
        return factories.create_lav(cls, lav_params, scenario_params)

    @classmethod
    def create_multi_lav(
        cls,
        lav_params: LAVParams,
        scenario_params: ScenarioBaseParams,
        predictor_params: "Optional[PredictorParams]" = None,
    ) -> "MultiLAV":
        """Return what validates the vote of the exports in `lav_params.model_path`.

        Args:
            lav_params: How to validate.
            scenario_params: The scenario params of the first export.
            predictor_params: How to predict; `None` is the default.
        """
        return factories.create_multi_lav(cls, lav_params, scenario_params, predictor_params)

    @classmethod
    def create_predictor(cls, model: str, params: "Optional[PredictorParams]" = None) -> "Predictor":
        """Return a predictor for an export.

        Args:
            model: The folder of an export, for example `best` of a training.
            params: How to predict; `None` is the default.
        """
        return factories.create_predictor(cls, model, params)

    @classmethod
    def create_multi_predictor(
        cls, paths: List[str], params: "Optional[PredictorParams]" = None
    ) -> "MultiModelPredictor":
        """Return a predictor for several exports, whose models vote.

        Args:
            paths: The folders of exports.
            params: How to predict; `None` is the default.
        """
        predictor_cls = cls.multi_predictor_cls()
        return predictor_cls.from_paths(paths, params or predictor_cls.params_cls()(), cls)

    @classmethod
    def create_evaluator(cls, params: Any, **kwargs: Any) -> EvaluatorBase:
        """Return a new evaluator; `kwargs` go to its constructor."""
        return cls.evaluator_cls()(params=params, **kwargs)

    # ---- further constructor arguments

    @staticmethod
    def static_data_kwargs(scenario_params: ScenarioBaseParams) -> Dict[str, Any]:
        """Return further arguments of the data's constructor."""
        return {}

    @staticmethod
    def static_lav_kwargs(scenario_params: ScenarioBaseParams) -> Dict[str, Any]:
        """Return further arguments of LAV's constructor."""
        return {}

    @staticmethod
    def static_predictor_kwargs(scenario_params: ScenarioBaseParams) -> Dict[str, Any]:
        """Return further arguments of the predictor's constructor."""
        return {}

    @staticmethod
    def additional_model_kwargs(data: "DataBase", scenario_params: ScenarioBaseParams) -> Dict[str, Any]:
        """Return further arguments of the model's constructor."""
        return {}

    @staticmethod
    def additional_graph_kwargs(data: "DataBase", scenario_params: ScenarioBaseParams) -> Dict[str, Any]:
        """Return further arguments of the graph's constructor."""
        return {}

    @staticmethod
    def additional_root_graph_kwargs(data: "DataBase", scenario_params: ScenarioBaseParams) -> Dict[str, Any]:
        """Return further arguments of the root graph's constructor."""
        return {}

    @staticmethod
    def additional_evaluator_kwargs(data: "DataBase", scenario_params: ScenarioBaseParams) -> Dict[str, Any]:
        """Return further arguments of the evaluator's constructor."""
        return {}

    # ---- one scenario

    def __init__(self, params: TScenarioParams):
        self._params = params
        self._data: Optional[DataBase] = None
        self._root: Optional[RootGraph] = None
        self._model: Optional[ModelBase] = None
        self._graph: Optional[GenericGraphBase] = None
        self._keras_train_model: Optional[TrainingModel] = None
        self._export_graphs: Dict[str, SavedGraph] = {}
        self._keras_predict_model: Optional[keras.Model] = None
        self.compared_samples = ComparedSamples()

    @property
    def params(self) -> TScenarioParams:
        """The scenario params."""
        return self._params

    @property
    def data(self) -> "DataBase":
        """The data, created when it is first asked for."""
        if self._data is None:
            self._data = self.create_data()
        return self._data

    @property
    def model(self) -> "ModelBase":
        """The model, created with the graph when it is first asked for."""
        return self._model_and_graph()[0]

    @property
    def graph(self) -> "GenericGraphBase":
        """The graph, created with the model when it is first asked for."""
        return self._model_and_graph()[1]

    @property
    def root_graph(self) -> "RootGraph":
        """The layer that holds model and graph."""
        self._model_and_graph()
        assert self._root is not None  # noqa: S101 - for the type checker; `_model_and_graph` sets it
        return self._root

    @property
    def keras_train_model(self) -> "Optional[TrainingModel]":
        """The Keras model that trains, `None` before `setup_training`."""
        return self._keras_train_model

    @property
    def keras_predict_model(self) -> "Optional[keras.Model]":
        """The Keras model that is exported, `None` before `setup_training`."""
        return self._keras_predict_model

    def create_data(self) -> "DataBase":
        """Return new data."""
        return self.data_cls()(params=self._params.data, **self.static_data_kwargs(self._params))

    def create_model_and_graph(self) -> None:
        """Create the root graph with its model and graph; nothing is computed."""
        params, data = self._params, self.data
        root_cls = self.model_cls().root_graph_cls()
        self._root = root_cls(
            params.model,
            model_kwargs=self.additional_model_kwargs(data, params),
            graph_kwargs=self.additional_graph_kwargs(data, params),
            **self.additional_root_graph_kwargs(data, params),
        )
        self._model, self._graph = self._root.model, self._root.graph

    def best_logging_settings(self) -> Tuple[str, str]:
        """Return `"min"` or `"max"` and the log name that decides which model is the best."""
        return self.model.best_logging_settings()

    def print_params(self) -> None:
        """Write the params into the log as JSON."""
        logger.info("Scenario parameters: %s", self._params.to_json(indent=2))  # type: ignore[attr-defined]

    def check_preconditions_for_input_gradient_regularization(self) -> None:
        """Refuse input-gradient regularisation of an input that is unknown or no float."""
        from tfaip.scenario import building

        building.check_input_gradient(self.data)

    def setup_training_graph(self, no_train_scope: Optional[str]) -> None:
        """Trace the training graph, and freeze the layers that `no_train_scope` matches."""
        from tfaip.scenario import building

        self._keras_train_model = building.traced_training_model(self, no_train_scope)

    def setup_prediction_graph(self) -> None:
        """Build what is exported; a second call does nothing. The training graph must have been traced."""
        from tfaip.scenario import building

        if not self._export_graphs:
            self._export_graphs = building.export_graphs(self)
            self._keras_predict_model = self._export_graphs["default"].keras_model

    def setup_training(
        self,
        optimizer: Any,
        skip_model_load_test: bool = False,
        run_eagerly: bool = False,
        no_train_scope: Optional[str] = None,
        training_graph_only: bool = False,
        *,
        steps_per_epoch: int = 1,
        jit_compile: bool = False,
    ) -> None:
        """Build the training model and what is exported, and test that the export can be loaded.

        Args:
            optimizer: A Keras optimizer.
            skip_model_load_test: Do not save and load the prediction model.
            run_eagerly: Run steps in Python, so that a debugger stops in the graph.
            no_train_scope: Regular expression of layers that do not train.
            training_graph_only: Build no prediction graph.
            steps_per_epoch: For the epoch that losses see as `targets["epoch"]`.
            jit_compile: Compile the steps with XLA.
        """
        from tfaip.scenario import building

        if self._keras_train_model is None:
            self.setup_training_graph(no_train_scope)
        building.compile_training_model(
            self,
            optimizer,
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            steps_per_epoch=steps_per_epoch,
        )
        if training_graph_only:
            return
        self.setup_prediction_graph()
        if not skip_model_load_test and not run_eagerly:
            building.check_save_and_load(self._export_graphs["default"], self._params.export_tolerance)

    def fit(
        self,
        epochs: int,
        callbacks: List[Any],
        steps_per_epoch: int,
        initial_epoch: int = 0,
        validation_freq: int = 1,
        **kwargs: Any,
    ) -> Dict[str, Any]:
        """Train on the pipelines that the data holds, and return the logs of the last epoch.

        `kwargs` are `batches` and `validation`, which take the places of the pipelines' samples,
        `steps_per_execution`, `stop_request`, and further fields of `FitPlan`.
        """
        from tfaip.scenario import building

        return building.fit(
            self,
            epochs=epochs,
            callbacks=callbacks,
            steps_per_epoch=steps_per_epoch,
            initial_epoch=initial_epoch,
            validation_freq=validation_freq,
            **kwargs,
        )

    def export(
        self, path: str, trainer_params: Optional[TrainerParams] = None, export_resources: bool = True
    ) -> None:
        """Write the model and all that is needed to use it elsewhere to the folder `path`, or nothing.

        What was written is loaded and compared with the model, on `compared_samples`; `comparison.json` tells
        the result. Once the outputs of a graph agreed, later exports of it compare the weights only.

        With `trainer_params` the whole of them is written as `trainer_params.json`, otherwise only the
        scenario params as `scenario_params.json`.
        """
        from tfaip.scenario import export

        export.export_scenario(self, self._export_graphs, path, trainer_params, export_resources)

    def is_exported(self, path: str) -> bool:
        """Return whether the export at `path` holds the weights of this moment, bit for bit."""
        from tfaip.scenario import export

        return export.is_current(self, self._export_graphs, Path(path))

    def compare_outputs_again(self) -> None:
        """Let the next export compare outputs, as the first does."""
        for graph in self._export_graphs.values():
            graph.comparison = None

    def net_config(self) -> NetConfigParamsBase:
        """Return the description of the exported graph for other programs."""
        from tfaip.scenario import export

        net_config = export.describe(self, self._export_graphs["default"])
        self._fill_net_config(net_config)
        return net_config

    def _fill_net_config(self, net_config: NetConfigParamsBase) -> None:
        """Add fields of a subclass of `NetConfigParamsBase`."""

    def _model_and_graph(self) -> "Tuple[ModelBase, GenericGraphBase]":
        if self._model is None or self._graph is None:
            self.create_model_and_graph()
        return self._model, self._graph  # type: ignore[return-value]
