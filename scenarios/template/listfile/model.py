"""Model: what is minimised, what is measured, and what is the best."""

from collections.abc import Callable
from typing import Any, Dict, List, Tuple

import keras

from scenarios.template.listfile.params import TemplateModelParams
from tfaip.data.data import DataBase
from tfaip.data.pipeline.definitions import Sample
from tfaip.model.modelbase import ModelBase


class TemplateModel(ModelBase[TemplateModelParams]):
    """Cross-entropy and accuracy."""

    def __init__(self, params: TemplateModelParams, **kwargs: Any):
        super().__init__(params, **kwargs)
        self._accuracy = keras.metrics.Accuracy(name="acc")

    # CHANGE: losses and metrics, each under the name that you will see in the log.

    def _loss(
        self, inputs: Dict[str, Any], targets: Dict[str, Any], outputs: Dict[str, Any]
    ) -> Dict[str, Any]:
        loss = keras.losses.sparse_categorical_crossentropy(
            targets["gt"], outputs["logits"], from_logits=True
        )
        return {"cross_entropy": loss}

    def _metric(self, inputs: Dict[str, Any], targets: Dict[str, Any], outputs: Dict[str, Any]) -> List[Any]:
        return [self._accuracy(targets["gt"][:, 0], outputs["class"])]

    def _best_logging_settings(self) -> Tuple[str, str]:
        return "max", "acc"

    def _print_evaluate(self, sample: Sample, data: DataBase, print_fn: Callable[[str], None]) -> None:
        classes = data.params.classes
        target, predicted = classes[sample.targets["gt"][0]], classes[sample.outputs["class"]]
        print_fn(f"{sample.meta['id']} is {target}, predicted {predicted}")
