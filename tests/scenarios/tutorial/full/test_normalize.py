import numpy as np
import pytest

from scenarios.tutorial.full.data import FullData
from scenarios.tutorial.full.processors.normalize import NormalizeProcessor, NormalizeProcessorParams
from tfaip.data.databaseparams import DataBaseParams
from tfaip.data.pipeline.definitions import INPUT_PROCESSOR, PipelineMode, Sample


@pytest.mark.parametrize(("center", "expected"), [(False, [0.0, 0.2, 1.0]), (True, [-0.5, -0.3, 0.5])])
def test_grey_values_are_scaled(center, expected):
    params = NormalizeProcessorParams(center=center)
    processor = NormalizeProcessor(params, DataBaseParams(), PipelineMode.PREDICTION)
    grey = np.array([0, 51, 255], np.uint8)

    image = processor.apply(Sample(inputs={"img": grey})).inputs["img"]

    np.testing.assert_allclose(image, expected, atol=1e-6)
    assert image.dtype == np.float32
    assert grey.tolist() == [0, 51, 255]


def test_normalising_is_there_by_default_for_inputs():
    (processor,) = FullData.default_params().pre_proc.flatten_processors()

    assert isinstance(processor, NormalizeProcessorParams)
    assert processor.modes == INPUT_PROCESSOR
