"""Load and validate: what an exported model makes of labelled samples, in numbers."""

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import keras

from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import Sample
from tfaip.device.device_config import DeviceConfig
from tfaip.errors import StorageError, UsageError
from tfaip.evaluator.evaluator import EvaluatorBase
from tfaip.files import write_text
from tfaip.lav.callbacks.lav_callback import LAVCallback
from tfaip.lav.callbacks.print_callback import PrintCallback
from tfaip.lav.params import LAVParams
from tfaip.lav.result import LAVResult, without_summaries
from tfaip.lav.validated_samples import ValidatedSamples
from tfaip.model.lav_model import LavModel
from tfaip.model.modelbase import ModelBase
from tfaip.model.tensorboardwriter import TensorboardWriterInterface
from tfaip.predict import onnx_graph
from tfaip.predict.export_folder import saved_model_dir
from tfaip.predict.exported_model import ExportedModel
from tfaip.progress import NoProgress, Progress, open_progress
from tfaip.reporting.benchmark import BenchmarkResults
from tfaip.scenario.building import batch_specs
from tfaip.scenario.rebuilding import rebuilt_model
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams

if TYPE_CHECKING:
    from tfaip.data.data import DataBase
    from tfaip.scenario.scenariobase import ScenarioBase

logger = logging.getLogger(__name__)


@dataclass
class _Opened:
    """A model with its losses and metrics, and what it was asked for as."""

    source: tuple[Optional[keras.Model], bool, bool]
    model: ModelBase[Any]
    lav_model: LavModel


class LAV:
    """Validates an exported model: its losses and metrics, and the evaluator of the scenario.

    Each sample counts once, whatever the size of the batches. Nothing runs in a thread of its own, so an
    error in post-processing, evaluator or callbacks is raised by `run`.

    Attributes:
        benchmark_results: How fast the latest data set was.
        device_config: The devices.
        scenario_cls: The scenario that was exported.
    """

    @classmethod
    def params_cls(cls) -> type[LAVParams]:
        """Return the class of the params."""
        return LAVParams

    def __init__(self, params: LAVParams, scenario_params: ScenarioBaseParams, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(
                f"`{type(self).__name__}` does not know {sorted(kwargs)}. Take them in its `__init__`, or "
                "remove them from `static_lav_kwargs` of the scenario."
            )
        if not params.model_path:
            raise UsageError("`model_path` of the LAV params is not set: give the folder of an export.")
        self._params = params
        self._scenario_params = scenario_params
        self._scenario_cls: Optional[type[ScenarioBase[Any, Any]]] = None
        self._data: Optional[DataBase[Any]] = None
        self._opened: Optional[_Opened] = None
        self.device_config = DeviceConfig(params.device)
        self.benchmark_results = BenchmarkResults()

    @property
    def params(self) -> LAVParams:
        """The params."""
        return self._params

    @property
    def scenario_cls(self) -> "type[ScenarioBase[Any, Any]]":
        """The scenario, which the scenario params name unless it was set."""
        if self._scenario_cls is None:
            self._scenario_cls = self._scenario_params.cls()
        return self._scenario_cls

    @scenario_cls.setter
    def scenario_cls(self, scenario_cls: "type[ScenarioBase[Any, Any]]") -> None:
        self._scenario_cls = scenario_cls

    def run(
        self,
        generator_params: Iterable[DataGeneratorParams],
        keras_model: Optional[keras.Model] = None,
        run_eagerly: bool = False,
        callbacks: Optional[list[LAVCallback]] = None,
        return_tensorboard_outputs: bool = False,
        instantiate_graph: bool = False,
    ) -> Iterator[LAVResult]:
        """Yield the result of each data set; nothing happens before it is asked for.

        A later call with the same model traces no graph again.

        Args:
            generator_params: The data sets.
            keras_model: Validate this prediction model instead of the exported one.
            run_eagerly: Run line by line, so that a debugger stops in the scenario; much slower.
            callbacks: See each sample and each result, before those of the params.
            return_tensorboard_outputs: Also return what only TensorBoard shows.
            instantiate_graph: Build the graph from the scenario's code, with the exported weights.
        """
        opened = self._open(keras_model, run_eagerly, instantiate_graph)
        watchers = [*(callbacks or []), *self._own_callbacks()]
        evaluator = self.scenario_cls.create_evaluator(
            self._scenario_params.evaluator,
            **self.scenario_cls.additional_evaluator_kwargs(self.data, self._scenario_params),
        )
        for index, params in enumerate(generator_params):
            result = self._validate(params, opened, evaluator, watchers)
            if not return_tensorboard_outputs:
                result = LAVResult(without_summaries(result), result.num_samples)
            else:
                result.update(opened.lav_model.writer_values())
            if self._params.store_results and keras_model is None:
                self._store(params, result, index)
            yield result

    def extract_dump_data(self, sample: Sample) -> tuple[Any, Any]:
        """Return the targets and outputs of a sample for a dump; override it to leave out some."""
        return sample.targets, sample.outputs

    def results_name(self, generator_params: DataGeneratorParams, index: int) -> str:
        """Return the name of the file for the results of the data set with this index; override it."""
        return f"lav_results_{index}.json" if index else "lav_results.json"

    def _custom_callbacks(self) -> list[LAVCallback]:
        """Return callbacks of a subclass; they come last."""
        return []

    def _own_callbacks(self) -> list[LAVCallback]:
        printing: list[LAVCallback] = [PrintCallback()] if self._params.print_samples else []
        return [*printing, *self._custom_callbacks()]

    @property
    def data(self) -> "DataBase[Any]":
        """The data of the scenario, created when it is first asked for."""
        if self._data is None:
            params = self._scenario_params
            kwargs = self.scenario_cls.static_data_kwargs(params)
            self._data = self.scenario_cls.data_cls()(params=params.data, **kwargs)
        return self._data

    # ---- the model

    def _open(self, keras_model: Optional[keras.Model], run_eagerly: bool, instantiate: bool) -> "_Opened":
        """Return the model with its losses and metrics, that of the last call if it is the same."""
        source = (keras_model, run_eagerly, instantiate)
        if self._opened is None or self._opened.source != source:
            with self.device_config.scope():
                self._opened = self._newly_opened(*source)
        return self._opened

    def _newly_opened(self, keras_model: Any, run_eagerly: bool, instantiate: bool) -> "_Opened":
        scenario, params = self.scenario_cls, self._scenario_params
        used: Any = keras_model
        if keras_model is None and self._is_onnx:
            if instantiate:
                raise UsageError(
                    "An ONNX file holds no weights by name, so its graph can not be built from code. Leave "
                    "out `--instantiate_graph`, or validate the export it was made from."
                )
            used = self._model_path
        elif keras_model is None:
            folder = saved_model_dir(self._model_path, serve_dir=params.default_serve_dir)
            used = rebuilt_model(scenario(params), folder) if run_eagerly or instantiate else folder
        model = params.model.create(**scenario.additional_model_kwargs(self.data, params))
        lav_model = LavModel(
            ExportedModel(used, run_eagerly=run_eagerly),
            model,
            batch_specs(self.data),
            writers=_writers_of(used),
            run_eagerly=run_eagerly,
        )
        return _Opened((keras_model, run_eagerly, instantiate), model, lav_model)

    @property
    def _model_path(self) -> Path:
        path = self._params.model_path
        if not isinstance(path, str | os.PathLike):
            raise UsageError(f"LAV validates one model, got {path}. Use MultiLAV for several that vote.")
        return Path(path).expanduser()

    @property
    def _is_onnx(self) -> bool:
        return self._model_path.suffix == onnx_graph.SUFFIX

    # ---- one data set

    def _validate(
        self,
        generator_params: DataGeneratorParams,
        opened: "_Opened",
        evaluator: EvaluatorBase[Any],
        callbacks: list[LAVCallback],
    ) -> LAVResult:
        pipeline = self.data.create_pipeline(self._params.pipeline, generator_params)
        with_losses = any(callback.wants_losses for callback in callbacks)
        samples = ValidatedSamples(pipeline, opened.lav_model, with_losses=with_losses)
        try:
            with evaluator:
                for callback in callbacks:
                    callback.setup(generator_params, self, self.data, opened.model)
                    callback.on_lav_start()
                for sample, losses in self._with_progress(pipeline, samples):
                    evaluator.update_state(sample)
                    for callback in callbacks:
                        if callback.wants_losses:
                            callback.on_sample_losses(losses)
                        callback.on_sample_end(sample)
                result = self._result(opened.lav_model, evaluator)
            for callback in callbacks:
                callback.on_lav_end(result)
        finally:
            self.benchmark_results = samples.benchmark
            for callback in callbacks:
                callback.close()
        return result

    def _with_progress(self, pipeline: DataPipeline[Any], samples: ValidatedSamples) -> Iterator[Any]:
        progress: Progress = NoProgress()
        if not self._params.silent:
            number = len(pipeline.generate_input_samples())
            progress = open_progress(total=number, title="Validation", unit="sample")
        for done, sample in enumerate(samples, start=1):
            yield sample
            progress.update(done, str)
        progress.close()

    def _result(self, lav_model: LavModel, evaluator: EvaluatorBase[Any]) -> LAVResult:
        number = lav_model.sample_count
        if number == 0:
            logger.warning("There are no samples to validate on, so there are no results.")
            return LAVResult({}, 0)
        result = LAVResult({**lav_model.results(), **(evaluator.result() or {})}, number)
        if not self._params.silent:
            logger.info("Results of %d samples: %s", number, result.one_line())
        return result

    def _store(self, generator_params: DataGeneratorParams, result: LAVResult, index: int) -> None:
        try:
            name = self.results_name(generator_params, index)
            path = self._model_path
            place = path.with_name(f"{path.name}.{name}") if self._is_onnx else path / name
            write_text(place, result.to_json())
        except StorageError as error:
            logger.warning("%s `--lav.store_results False` writes no results.", error)


def _writers_of(model: Any) -> list[TensorboardWriterInterface]:
    """Return what the layers of a Keras model show in TensorBoard; an exported graph holds nothing of it."""
    metrics = model.metrics if isinstance(model, keras.Model) else []
    return [metric for metric in metrics if isinstance(metric, TensorboardWriterInterface)]
