import numpy as np
import pytest
from PIL import Image

from scenarios.tutorial.full.generators.files import ImageFilesGeneratorParams
from scenarios.tutorial.full.generators.training import FullGeneratorParams
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import DataError


def indices_of(generator):
    return [sample.meta["index"] for sample in generator.generate()]


def test_training_is_shuffled_and_evaluation_is_not():
    training = FullGeneratorParams().create(PipelineMode.TRAINING)
    evaluation = FullGeneratorParams().create(PipelineMode.EVALUATION)

    assert indices_of(training) != list(range(1438))
    assert indices_of(evaluation) == list(range(359))


def test_shuffle_can_be_set_for_all_modes():
    training = FullGeneratorParams(shuffle=False).create(PipelineMode.TRAINING)
    evaluation = FullGeneratorParams(shuffle=True).create(PipelineMode.EVALUATION)

    assert indices_of(training) == list(range(1438))
    assert indices_of(evaluation) != list(range(359))


def test_force_train_evaluates_on_the_training_images():
    assert len(FullGeneratorParams(force_train=True).create(PipelineMode.EVALUATION)) == 1438


@pytest.fixture
def image_file(tmp_path):
    """A PNG of one white pixel in the corner, whose label is 7."""
    pixels = np.zeros((8, 8), np.uint8)
    pixels[0, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "seven.png")
    (tmp_path / "seven.txt").write_text("7\n")
    return tmp_path / "seven.png"


def only_sample(image_file, mode):
    (sample,) = ImageFilesGeneratorParams(image_files=[str(image_file)]).create(mode).generate()
    return sample


def test_image_file_becomes_a_sample_with_its_path(image_file):
    sample = only_sample(image_file, PipelineMode.PREDICTION)

    assert sample.inputs["img"].shape == (8, 8, 1)
    assert (sample.inputs["img"][0, 0, 0], sample.inputs["img"].sum()) == (255, 255)
    assert sample.meta == {"path": str(image_file)}


def test_label_is_read_for_evaluation(image_file):
    sample = only_sample(image_file, PipelineMode.EVALUATION)

    assert sample.targets["gt"].tolist() == [7]


def test_prediction_needs_no_label(image_file):
    image_file.with_suffix(".txt").unlink()

    assert only_sample(image_file, PipelineMode.PREDICTION).targets is None


def test_evaluation_without_label_names_the_file_that_is_missing(image_file):
    image_file.with_suffix(".txt").unlink()

    with pytest.raises(DataError, match=r"label `.*seven\.txt` could not be read"):
        only_sample(image_file, PipelineMode.EVALUATION)


def test_label_that_is_no_number_names_its_file(image_file):
    image_file.with_suffix(".txt").write_text("seven")

    with pytest.raises(DataError, match=r"seven\.txt.*invalid literal.*number of its class"):
        only_sample(image_file, PipelineMode.EVALUATION)


def test_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "broken.png").write_text("not an image")

    with pytest.raises(DataError, match=r"image `.*broken\.png` could not be read"):
        only_sample(tmp_path / "broken.png", PipelineMode.PREDICTION)
