import numpy as np
import pytest

from scenarios.tutorial.min.data import MinDataParams, MinGeneratorParams
from tfaip.data.pipeline.definitions import PipelineMode


def labels_of(generator):
    return [sample.targets["gt"][0] for sample in generator.generate()]


def test_samples_are_what_the_specification_says():
    params = MinDataParams(input_shape=[8, 8])
    data = params.create()
    generator = MinGeneratorParams().create(PipelineMode.EVALUATION)

    sample = next(iter(generator.generate()))

    for spec, values in (
        (data.input_layer_specs()["img"], sample.inputs["img"]),
        (data.target_layer_specs()["gt"], sample.targets["gt"]),
    ):
        assert tuple(spec.shape) == values.shape
        assert spec.dtype == values.dtype


def test_image_may_have_any_size_unless_one_is_given():
    assert tuple(MinDataParams().create().input_layer_specs()["img"].shape) == (None, None, 1)


def test_training_shuffles_each_pass_anew():
    np.random.seed(1)
    generator = MinGeneratorParams().create(PipelineMode.TRAINING)

    first, second = labels_of(generator), labels_of(generator)

    assert first != second
    assert sorted(first) == sorted(second)


@pytest.mark.parametrize("mode", [PipelineMode.EVALUATION, PipelineMode.PREDICTION])
def test_other_modes_keep_the_order_and_read_the_held_out_images(mode):
    generator = MinGeneratorParams().create(mode)

    assert labels_of(generator) == labels_of(generator)
    assert len(generator) == 359
