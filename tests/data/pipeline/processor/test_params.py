from tests.data.toy import AddParams, DropParams, NoiseParams, RepeatParams
from tfaip.data.pipeline.processor.params import (
    ComposedProcessorPipelineParams,
    SequentialProcessorPipelineParams,
)


def sequential(*processors):
    return SequentialProcessorPipelineParams(processors=list(processors))


def composed(*groups):
    return ComposedProcessorPipelineParams(pipelines=[sequential(*group) for group in groups])


def test_processors_are_found_by_type():
    for params in (
        sequential(AddParams(), NoiseParams(), AddParams(amount=2)),
        composed([AddParams(), NoiseParams()], [AddParams(amount=2)]),
    ):
        assert params.flatten_processors() == [AddParams(), NoiseParams(), AddParams(amount=2)]
        assert params.processors_of_type(AddParams) == [AddParams(), AddParams(amount=2)]
        assert params.has_processor(NoiseParams)
        assert not params.has_processor(DropParams)


def test_erase_and_replace_change_the_object_in_place():
    for params in (
        sequential(AddParams(), NoiseParams(), RepeatParams()),
        composed([AddParams(), NoiseParams()], [RepeatParams()]),
    ):
        params.erase_all(NoiseParams)
        params.replace_all(AddParams, DropParams(numbers=[1]))

        assert params.flatten_processors() == [DropParams(numbers=[1]), RepeatParams()]


def test_params_survive_json():
    for params in (sequential(AddParams(amount=3)), composed([AddParams(amount=3)])):
        assert type(params).from_dict(params.to_dict()) == params  # type: ignore[attr-defined]
