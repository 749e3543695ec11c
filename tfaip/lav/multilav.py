"""Load and validate several models that vote."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Optional

from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import UsageError
from tfaip.evaluator.evaluator import EvaluatorBase
from tfaip.lav.callbacks.lav_callback import LAVCallback
from tfaip.lav.callbacks.print_callback import PrintCallback
from tfaip.lav.params import LAVParams
from tfaip.lav.result import LAVResult
from tfaip.params.post_init import post_init
from tfaip.predict.multimodelpredictor import MultiModelPredictor
from tfaip.predict.params import PredictorParams
from tfaip.reporting.benchmark import BenchmarkResults
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

logger = logging.getLogger(__name__)


class MultiLAV:
    """Validates the vote of the models in `params.model_path` by the evaluator of the scenario.

    Losses and metrics of the model are about the outputs of one model, so they are no part of it.

    Attributes:
        benchmark_results: How fast the latest data set was.
        scenario_cls: The scenario that was exported.
    """

    @classmethod
    def params_cls(cls) -> type[LAVParams]:
        """Return the class of the params."""
        return LAVParams

    def __init__(
        self,
        params: LAVParams,
        scenario_params: ScenarioBaseParams,
        predictor_params: PredictorParams,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise TypeError(f"`{type(self).__name__}` does not know {sorted(kwargs)}.")
        if not params.model_path or isinstance(params.model_path, str):
            raise UsageError("`model_path` of the LAV params must be the folders of several exports.")
        self._params = params
        self._scenario_params = scenario_params
        self._scenario_cls: Optional[type[ScenarioBase[Any, Any]]] = None
        self._predictor_params = predictor_params
        predictor_params.pipeline = params.pipeline
        predictor_params.device = params.device
        predictor_params.silent = True
        predictor_params.progress_bar = not params.silent
        predictor_params.include_targets = True
        post_init(predictor_params)
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
        data_gen_params: DataGeneratorParams | Iterable[DataGeneratorParams],
        callbacks: Optional[list[LAVCallback]] = None,
        run_eagerly: bool = False,
    ) -> Iterator[LAVResult]:
        """Yield the result of each data set; nothing happens before it is asked for.

        Args:
            data_gen_params: The data set, or several.
            callbacks: See each sample and each result.
            run_eagerly: Run line by line; exported graphs stay as they are.
        """
        self._predictor_params.run_eagerly |= run_eagerly
        scenario_cls, params = self.scenario_cls, self._scenario_params
        predictor = scenario_cls.create_multi_predictor(list(self._params.model_path), self._predictor_params)
        evaluator = scenario_cls.create_evaluator(
            params.evaluator, **scenario_cls.additional_evaluator_kwargs(predictor.data, params)
        )
        printing: list[LAVCallback] = [PrintCallback()] if self._params.print_samples else []
        watchers = [*(callbacks or []), *printing]
        is_one = isinstance(data_gen_params, DataGeneratorParams)
        for generator_params in [data_gen_params] if is_one else data_gen_params:
            yield self._validate(generator_params, predictor, evaluator, watchers)

    def extract_dump_data(self, sample: Sample) -> tuple[Any, Any]:
        """Return the targets and outputs of a sample for a dump; override it to leave out some."""
        return sample.targets, sample.outputs

    def _validate(
        self,
        generator_params: DataGeneratorParams,
        predictor: MultiModelPredictor,
        evaluator: EvaluatorBase[Any],
        callbacks: list[LAVCallback],
    ) -> LAVResult:
        number = 0
        try:
            with evaluator, closing(predictor.predict(generator_params)) as samples:
                for callback in callbacks:
                    callback.setup(generator_params, self, predictor.data, None)
                    callback.on_lav_start()
                for number, sample in enumerate(samples, start=1):  # noqa: B007 - the count is used
                    evaluator.update_state(sample)
                    for callback in callbacks:
                        callback.on_sample_end(sample)
                result = self._result(number, evaluator)
            for callback in callbacks:
                callback.on_lav_end(result)
        finally:
            self.benchmark_results = predictor.benchmark_results
            for callback in callbacks:
                callback.close()
        return result

    def _result(self, number: int, evaluator: EvaluatorBase[Any]) -> LAVResult:
        if number == 0:
            logger.warning("There are no samples to validate on, so there are no results.")
            return LAVResult({}, 0)
        result = LAVResult(evaluator.result() or {}, number)
        if not self._params.silent:
            logger.info("Results of %d samples: %s", number, result.one_line())
        return result
