"""A toy whose models vote; light, as scenarios are."""

import numpy as np

from tests.toy.scenario import ToyScenario
from tfaip.predict.multimodelpredictor import MultiModelPredictor, MultiModelVoter


class LogitsVoter(MultiModelVoter):
    def vote(self, sample):
        return sample.new_outputs({"y": np.mean([o["logits"] for o in sample.outputs], axis=0)})


class LogitsPredictor(MultiModelPredictor):
    def create_voter(self, data_params):
        return LogitsVoter()


class VotingScenario(ToyScenario):
    @classmethod
    def multi_predictor_cls(cls):
        return LogitsPredictor
