import pytest

from tfaip.data.databaseparams import DataBaseParams, DataGeneratorParams, DataPipelineParams
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import UsageError
from tfaip.params.post_init import post_init


@pytest.mark.parametrize(
    ("given", "expected"), [({}, 32), ({"batch_size": 64}, 128), ({"prefetch": 3}, 3), ({"prefetch": 0}, 0)]
)
def test_prefetch_is_chosen_by_batch_size_and_processes_unless_given(given, expected):
    assert DataPipelineParams(**given).prefetch == expected


def test_post_init_twice_is_post_init_once():
    params = DataPipelineParams(batch_size=64)

    post_init(params)

    assert params == DataPipelineParams(batch_size=64)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 0}, r"`batch_size` must be 1 or more, got 0.*--train\.batch_size"),
        ({"num_processes": 0}, r"`num_processes` must be 1 or more, got 0"),
        ({"bucket_boundaries": [5, 5]}, r"`bucket_boundaries` must be increasing"),
        ({"bucket_boundaries": [5, 9], "bucket_batch_sizes": [1]}, r"`bucket_batch_sizes` must be 3 sizes"),
        (
            {"batch_drop_remainder": True, "mode": PipelineMode.EVALUATION},
            r"`batch_drop_remainder` is set in mode evaluation.*--val\.batch_drop_remainder",
        ),
    ],
)
def test_values_out_of_range_name_the_flag(given, message):
    with pytest.raises(UsageError, match=message):
        DataPipelineParams(**given)


def test_params_survive_json():
    params = DataPipelineParams(batch_size=3, mode=PipelineMode.TARGETS, bucket_boundaries=[4])

    assert DataPipelineParams.from_dict(params.to_dict()) == params  # type: ignore[attr-defined]


@pytest.mark.parametrize("params", [DataGeneratorParams(), DataBaseParams()])
def test_abstract_params_say_what_to_override(params):
    with pytest.raises(NotImplementedError, match=r"must override `cls\(\)`"):
        params.cls()
