"""Metrics over whole samples, computed in Python after post-processing."""

from abc import ABC
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from tfaip.data.pipeline.definitions import Sample
from tfaip.evaluator.params import EvaluatorParams
from tfaip.params.generics import type_argument

TP = TypeVar("TP", bound=EvaluatorParams)


class EvaluatorBase(ABC, Generic[TP]):
    """Sees each evaluated sample once and says at the end how good they were.

    Override `__enter__` to start from nothing, `update_state` to look at a sample, `result` to give the
    metrics by name. Samples are post-processed and no longer batched, still padded.
    """

    @classmethod
    def params_cls(cls) -> type[TP]:
        """Return the params class that was put in for `TP`."""
        return cast("type[TP]", type_argument(cls, TP))

    @classmethod
    def default_params(cls) -> TP:
        """Return new params; override it to change defaults."""
        return cls.params_cls()()

    def __init__(self, params: TP, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(
                f"{type(self).__name__} does not know {sorted(kwargs)}. Take them in its `__init__`, or "
                "remove them from `additional_evaluator_kwargs` of the scenario."
            )
        self.params = params

    def __enter__(self) -> Self:
        """Start a new evaluation; reset what earlier samples left."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """End the evaluation, also after an error."""

    def update_state(self, sample: Sample) -> None:
        """Look at one sample: its inputs, targets, outputs and meta data."""

    def result(self) -> dict[str, Any]:
        """Return the metrics of all samples since `__enter__`, by name."""
        return {}
