"""Predicts with several models that vote."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tfaip.data.data import DataBase
from tfaip.data.databaseparams import DataBaseParams
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import UsageError
from tfaip.predict.export_folder import read_whole, saved_model_dir
from tfaip.predict.multimodelpostprocessor import MultiModelPostProcessor
from tfaip.predict.multimodelvoter import MultiModelVoter as MultiModelVoter
from tfaip.predict.params import PredictorParams
from tfaip.predict.predictorbase import PredictorBase

if TYPE_CHECKING:  # for annotations only
    from tfaip.predict.exported_model import ExportedModel
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scenario.scenariobaseparams import ScenarioBaseParams


class MultiModelPredictor(PredictorBase):
    """Predicts each sample with several models, and lets a voter decide.

    Override `create_voter`, and return the class from `multi_predictor_cls` of the scenario. The samples are
    read and pre-processed once, as the data of the first model say; the outputs of a model are post-processed
    as its own data say.
    """

    @classmethod
    def from_paths(
        cls,
        paths: Sequence[str],
        params: PredictorParams,
        scenario: "type[ScenarioBase]",
        use_first_params: bool = False,
        model_paths: Sequence[str] | None = None,
        models: Sequence[Any] | None = None,
        predictor_args: dict[str, Any] | None = None,
    ) -> Self:
        """Return a predictor with the models of several exports.

        Args:
            paths: Export folders, or parameter files in them; the same may occur several times.
            params: How to predict.
            scenario: What was trained.
            use_first_params: Pre-process as the first export says, also if others say something else.
            model_paths: SavedModel folders, instead of those beside the params.
            models: Keras models, instead of loading any.
            predictor_args: Further arguments of the constructor.

        Raises:
            ValueError: If there is no path, or the exports pre-process differently.
        """
        if not paths:
            raise UsageError("There is no model to predict with: give at least one export folder.")
        scenario_params = [_scenario_params(scenario, str(path)) for path in paths]
        if not use_first_params:
            _check_pre_processing(paths, [p.data for p in scenario_params])
        datas = [scenario(p).data for p in scenario_params]
        predictor = cls(
            params=params,
            data=datas[0],
            **(predictor_args or {}),
            **scenario.static_predictor_kwargs(scenario_params[0]),
        )
        predictor.set_models(models or model_paths or _model_paths(paths, scenario_params), datas)
        return predictor

    def __init__(self, params: PredictorParams, data: DataBase[Any], **kwargs: Any) -> None:
        super().__init__(params, data, **kwargs)
        self._models: list[ExportedModel] = []
        self._datas: list[DataBase[Any]] = []

    @abstractmethod
    def create_voter(self, data_params: DataBaseParams) -> MultiModelVoter:
        """Return a new voter; called at the start of each prediction, with the params of the first data."""
        raise NotImplementedError

    def set_models(self, models: Sequence[Any], datas: Sequence[DataBase[Any]]) -> None:
        """Set the models, SavedModel folders or Keras models, and the data of each."""
        if not models or len(models) != len(datas):
            raise UsageError(
                f"Voting needs the data of each model: got {len(models)} models and {len(datas)} data."
            )
        self._models = [self._load_model(model) for model in models]
        self._datas = list(datas)

    @property
    def datas(self) -> list[DataBase[Any]]:
        """The data of each model."""
        return self._datas

    def predict_batches(self, batches: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """Return for each batch a list with the outputs of each model."""
        from tfaip.predict.blocks import predict_batches  # noqa: PLC0415 - it loads TensorFlow

        by_model = [predict_batches(model, batches) for model in self._models]
        return [list(of_batch) for of_batch in zip(*by_model, strict=True)]

    def post_processor_of_one(self, pipeline: DataPipeline[Any]) -> Callable[[Sample], Sample | None]:
        """Return the function that post-processes one sample for each model and votes."""
        return self._post_processor(pipeline).apply_on_sample

    def _require_model(self) -> None:
        if not self._models:
            raise UsageError(
                f"The {type(self).__name__} has no models. Call `set_models` first, or let "
                "`create_multi_predictor` of the scenario make the predictor."
            )

    def _post_processed(
        self, samples: Iterable[Sample], pipeline: DataPipeline[Any]
    ) -> AbstractContextManager[Iterator[Sample]]:
        return closing(self._post_processor(pipeline).apply(samples))  # type: ignore[type-var]

    def _post_processor(self, pipeline: DataPipeline[Any]) -> MultiModelPostProcessor:
        processors = [
            data.params.post_proc.create(pipeline.pipeline_params, data.params).apply_on_sample
            for data in self._datas
        ]
        return MultiModelPostProcessor(processors, self.create_voter(self._data.params))


def _scenario_params(scenario: "type[ScenarioBase]", path: str) -> "ScenarioBaseParams":
    return read_whole(Path(path).expanduser(), lambda: scenario.params_from_path(path))


def _check_pre_processing(paths: Sequence[str], all_params: Sequence[DataBaseParams]) -> None:
    """Refuse exports that would see other inputs than the first."""
    for path, params in zip(paths, all_params, strict=True):
        if params.pre_proc != all_params[0].pre_proc:
            raise UsageError(
                f"The export `{path}` pre-processes its samples in another way than `{paths[0]}`, so they "
                "can not vote. Leave one out, or use the first's way for all with `use_first_params=True`."
            )


def _model_paths(paths: Sequence[str], all_params: "Sequence[ScenarioBaseParams]") -> list[Path]:
    folders = [Path(path).expanduser() for path in paths]
    return [
        saved_model_dir(folder if folder.is_dir() else folder.parent, serve_dir=params.default_serve_dir)
        for folder, params in zip(folders, all_params, strict=True)
    ]
