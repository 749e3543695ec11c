"""Prediction: how results are printed, and how several models vote."""

from collections.abc import Callable

import numpy as np

from tfaip.data.databaseparams import DataBaseParams
from tfaip.data.pipeline.definitions import Sample
from tfaip.predict.multimodelpredictor import MultiModelPredictor
from tfaip.predict.multimodelvoter import MultiModelVoter
from tfaip.predict.predictor import Predictor


class FullPredictor(Predictor):
    """Print the class of each image."""

    def _print_prediction(self, sample: Sample, print_fn: Callable[[str], None]) -> None:
        print_fn(prediction_line(sample))


class FullVoter(MultiModelVoter):
    """Average the probabilities of all models; the class is the most probable one then."""

    def vote(self, sample: Sample) -> Sample:
        """Return the sample with the average `pred`, its `class`, and the `votes` of the models."""
        average = np.mean([outputs["pred"] for outputs in sample.outputs], axis=0)
        votes = np.array([outputs["class"] for outputs in sample.outputs])
        return sample.new_outputs({"pred": average, "class": np.argmax(average), "votes": votes})

    def finalize_sample(self, sample: Sample) -> Sample:
        """Keep the meta data of the first model; they are all the same."""
        return sample.new_meta(sample.meta[0])


class FullMultiPredictor(MultiModelPredictor):
    """Let several models of this scenario vote."""

    def create_voter(self, data_params: DataBaseParams) -> FullVoter:
        """Return a new voter."""
        return FullVoter()

    def _print_prediction(self, sample: Sample, print_fn: Callable[[str], None]) -> None:
        votes = " ".join(map(str, sample.outputs["votes"]))
        print_fn(f"{prediction_line(sample)}; votes {votes}")


def prediction_line(sample: Sample) -> str:
    """Return the class of an image with its probability in one line."""
    name = sample.meta.get("path", sample.meta.get("index", "image"))
    predicted = sample.outputs["class"]
    return f"{name}: class {predicted} ({sample.outputs['pred'][predicted]:.0%})"
