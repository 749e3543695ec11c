import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scenarios.tutorial.full.params import CNNParams
from scenarios.tutorial.full.scenario import FullScenario
from scenarios.tutorial.min.scenario import MinScenario

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("graph", "graphs", "model", "metric")


def light_modules():
    """Return the names of all modules of the tutorials that promise to load no TensorFlow."""
    paths = [path.relative_to(ROOT).with_suffix("") for path in ROOT.glob("scenarios/tutorial/**/*.py")]
    return [".".join(path.parts) for path in paths if not {*HEAVY, "__init__"} & set(path.parts)]


def test_light_modules_and_default_params_load_no_tensorflow():
    program = (
        "import importlib, sys\n"
        f"for name in {light_modules()}: importlib.import_module(name)\n"
        "from scenarios.tutorial.full.scenario import FullScenario\n"
        "FullScenario.default_trainer_params().to_json()\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    assert "scenarios.tutorial.full.processors.normalize" in light_modules()

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


@pytest.mark.slow
def test_full_tutorial_recognises_95_percent_of_the_held_out_digits():
    params = FullScenario.default_trainer_params()
    params.random_seed = 42

    logs = FullScenario.create_trainer(params).train()

    assert logs["val_acc"] >= 0.95


@pytest.mark.slow
def test_min_tutorial_recognises_95_percent_of_the_held_out_digits():
    params = MinScenario.default_trainer_params()
    params.epochs = 10
    params.random_seed = 42

    logs = MinScenario.create_trainer(params).train()

    assert logs["val_acc"] >= 0.95


@pytest.mark.slow
def test_losses_are_weighted_by_half_each():
    params = FullScenario.default_trainer_params()
    params.epochs = 1

    logs = FullScenario.create_trainer(params).train()

    for prefix in ("", "val_"):
        weighted = (logs[f"{prefix}cross_entropy"] + logs[f"{prefix}squared_error"]) / 2
        assert logs[f"{prefix}loss/mean_epoch"] == pytest.approx(weighted, rel=1e-4)


@pytest.fixture(scope="module")
def run_of_cnn(tmp_path_factory):
    """A run of one epoch of the full tutorial with the convolutional network."""
    folder = tmp_path_factory.mktemp("run")
    params = FullScenario.default_trainer_params()
    params.epochs = 1
    params.output_dir = str(folder)
    params.scenario.model.graph = CNNParams(filters=[4, 2])
    FullScenario.create_trainer(params).train()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("part", ["train", "validation"])
def test_tensorboard_shows_the_feature_maps(run_of_cnn, part):
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_of_cnn / part)).Reload()

    (image,) = events.Tensors("epoch_conv_out")
    width, height, *maps = tf.make_ndarray(image.tensor_proto)
    assert (int(width), int(height), len(maps), image.step) == (2, 2, 2, 0)


@pytest.mark.slow
def test_export_takes_images_of_the_data_set(run_of_cnn):
    import tensorflow as tf

    signature = tf.saved_model.load(str(run_of_cnn / "export" / "serve")).signatures["serving_default"]

    outputs = signature(img=tf.zeros([3, 8, 8, 1]))

    assert np.shape(outputs["pred"]) == (3, 10)
