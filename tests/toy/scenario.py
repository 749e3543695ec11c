"""The toy as a scenario."""

from tests.toy.params import ToyPipelineParams, ToyScenarioParams
from tfaip.scenario.scenariobase import ScenarioBase


class ToyScenario(ScenarioBase[ToyScenarioParams, ToyPipelineParams]):
    """Trains in under a second."""

    @classmethod
    def default_trainer_params(cls):
        params = super().default_trainer_params()
        params.gen.setup.train.batch_size = 8
        params.gen.setup.val.batch_size = 8
        params.gen.val.first_id = 1000
        params.gen.val.number = 20
        params.learning_rate.lr = 0.01
        params.epochs = 2
        params.random_seed = 7
        params.progress_bar_mode = 0
        params.skip_model_load_test = True
        return params
