import numpy as np
import pytest

from scenarios.tutorial.datasets import Dataset, load_images
from scenarios.tutorial.full.generators.training import FullGeneratorParams
from scenarios.tutorial.full.predictor import FullVoter, prediction_line
from scenarios.tutorial.full.scenario import FullScenario
from tfaip.data.pipeline.definitions import Sample
from tfaip.predict.params import PredictorParams


def outputs(*probabilities):
    return {"pred": np.array(probabilities), "class": np.argmax(probabilities)}


def test_the_average_decides_not_the_majority():
    sample = Sample(
        outputs=[outputs(0.6, 0.4), outputs(0.6, 0.4), outputs(0.1, 0.9)], meta=[{"path": "a"}] * 3
    )
    voter = FullVoter()

    voted = voter.finalize_sample(voter.vote(sample))

    np.testing.assert_allclose(voted.outputs["pred"], [1.3 / 3, 1.7 / 3])
    assert voted.outputs["class"] == 1
    assert voted.outputs["votes"].tolist() == [0, 0, 1]
    assert voted.meta == {"path": "a"}


def test_a_prediction_is_a_line():
    sample = Sample(outputs=outputs(0.25, 0.75), meta={"path": "a.png"})

    assert prediction_line(sample) == "a.png: class 1 (75%)"
    assert prediction_line(sample.new_meta({"index": 3})) == "3: class 1 (75%)"


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """The exports of three short trainings with different seeds."""
    folders = [tmp_path_factory.mktemp("run") for _ in range(3)]
    for seed, folder in enumerate(folders):
        params = FullScenario.default_trainer_params()
        params.epochs = 1
        params.random_seed = seed
        params.output_dir = str(folder)
        params.export_best = False
        FullScenario.create_trainer(params).train()
    return [str(folder / "export") for folder in folders]


def params():
    return PredictorParams(silent=True, progress_bar=False, include_targets=True)


def accuracy(samples):
    return np.mean([sample.outputs["class"] == sample.targets["gt"][0] for sample in samples])


@pytest.mark.slow
def test_three_models_vote_on_the_held_out_digits(exports):
    single = [
        list(FullScenario.create_predictor(e, params()).predict(FullGeneratorParams())) for e in exports
    ]
    voted = list(FullScenario.create_multi_predictor(exports, params()).predict(FullGeneratorParams()))

    assert len(voted) == len(load_images(Dataset.DIGITS, training=False).labels)
    for sample, *of_models in zip(voted, *single, strict=True):
        average = np.mean([s.outputs["pred"] for s in of_models], axis=0)
        np.testing.assert_allclose(sample.outputs["pred"], average, atol=1e-6)
        assert sample.meta == of_models[0].meta
    assert accuracy(voted) >= np.mean([accuracy(samples) for samples in single])


@pytest.mark.slow
def test_one_image_at_a_time_is_predicted_as_all_together(exports):
    predictor = FullScenario.create_predictor(exports[0], params())
    images = load_images(Dataset.DIGITS, training=False).images[:5, ..., np.newaxis]
    inputs = [{"img": image} for image in images]

    with predictor.raw() as call:
        single = [call(x) for x in inputs]

    for one, of_all in zip(single, predictor.predict_raw(inputs), strict=True):
        np.testing.assert_allclose(one.outputs["pred"], of_all.outputs["pred"], atol=1e-6)
