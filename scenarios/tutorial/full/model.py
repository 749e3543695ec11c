"""Model: what is minimised, what is measured, and what is the best."""

from collections.abc import Callable
from typing import Any, Dict, List, Optional, Tuple

import keras

from scenarios.tutorial.full.metric import TrueClassProbability
from scenarios.tutorial.full.params import FullModelParams
from tfaip.data.data import DataBase
from tfaip.data.pipeline.definitions import Sample
from tfaip.model.modelbase import ModelBase


class FullModel(ModelBase[FullModelParams]):
    """Two losses, half of each, accuracy and a metric of our own."""

    def __init__(self, params: FullModelParams, **kwargs: Any):
        super().__init__(params, **kwargs)
        self._accuracy = keras.metrics.Accuracy(name="acc")
        self._probability = TrueClassProbability()

    def _loss(
        self, inputs: Dict[str, Any], targets: Dict[str, Any], outputs: Dict[str, Any]
    ) -> Dict[str, Any]:
        one_hot = keras.ops.one_hot(targets["gt"][:, 0], self.params.n_classes)
        return {
            "cross_entropy": keras.losses.categorical_crossentropy(
                one_hot, outputs["logits"], from_logits=True
            ),
            "squared_error": keras.losses.mean_squared_error(one_hot, outputs["pred"]),
        }

    def _loss_weights(self) -> Optional[Dict[str, float]]:
        return {"cross_entropy": 0.5, "squared_error": 0.5}

    def _metric(self, inputs: Dict[str, Any], targets: Dict[str, Any], outputs: Dict[str, Any]) -> List[Any]:
        return [
            self._accuracy(targets["gt"][:, 0], outputs["class"]),
            self._probability(targets["gt"], outputs["pred"]),
        ]

    def _best_logging_settings(self) -> Tuple[str, str]:
        return "max", "acc"

    def _print_evaluate(self, sample: Sample, data: DataBase, print_fn: Callable[[str], None]) -> None:
        target, predicted = sample.targets["gt"][0], sample.outputs["class"]
        verdict = "right" if target == predicted else "WRONG"
        confidence = sample.outputs["pred"][predicted]
        print_fn(f"target {target}, predicted {predicted} ({confidence:.0%}): {verdict}")
