from typing import Any

from scenarios.tutorial.full.params import CNNParams, FullTrainerPipelineParams, MLPParams
from scenarios.tutorial.full.scenario import FullScenario


def test_params_survive_a_file():
    params: Any = FullScenario.default_trainer_params()
    params.scenario.model.graph = CNNParams(filters=[4, 2], dense=[7])
    params.gen.train_val.shuffle = False

    restored = type(params).from_json(params.to_json())

    assert restored == params  # sets have no order, so their lists may differ
    assert isinstance(restored.scenario.model.graph, CNNParams)
    assert restored.scenario.model.graph.filters == [4, 2]
    assert restored.scenario.data.pre_proc.processors[0].center is True


def test_default_layers_are_an_mlp():
    graph = FullScenario.default_params().model.graph

    assert graph == MLPParams(nodes=[128], activation="relu")


def test_training_and_validation_share_their_generator():
    params = FullTrainerPipelineParams()

    assert params.train_gen() is params.val_gen() is params.train_val


def test_extended_validation_reads_the_held_out_images_and_those_of_the_training():
    params = FullTrainerPipelineParams()

    held_out, training = params.lav_gen()

    assert (held_out.force_train, training.force_train) == (False, True)
    assert params.train_val.force_train is False
