"""Evaluator: a number computed in Python, sample by sample, after post-processing."""

from typing import Dict

from tfaip.data.pipeline.definitions import Sample
from tfaip.evaluator.evaluator import EvaluatorBase
from tfaip.evaluator.params import EvaluatorParams


class FullEvaluator(EvaluatorBase[EvaluatorParams]):
    """The share of right classes; equal to the metric `acc`."""

    def __enter__(self) -> "FullEvaluator":
        self._n_right = 0
        self._n_samples = 0
        return self

    def update_state(self, sample: Sample) -> None:
        """Count one sample."""
        self._n_samples += 1
        self._n_right += int(sample.targets["gt"][0] == sample.outputs["class"])

    def result(self) -> Dict[str, float]:
        """Return the share."""
        return {"eval_acc": self._n_right / max(self._n_samples, 1)}
