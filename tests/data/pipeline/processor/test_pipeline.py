from itertools import count

import pytest

from tests.data.toy import (
    Add,
    AddParams,
    DropParams,
    FailParams,
    RepeatParams,
    SwallowParams,
    ToyDataParams,
    ToyGenerator,
    ToyGeneratorParams,
    numbers,
    sample,
)
from tfaip.data.databaseparams import DataPipelineParams
from tfaip.data.pipeline.definitions import INPUT_PROCESSOR, PipelineMode, Sample
from tfaip.data.pipeline.processor.params import (
    ComposedProcessorPipelineParams,
    SequentialProcessorPipelineParams,
)
from tfaip.errors import DataError, UsageError

TRAINING = PipelineMode.TRAINING


def sequential(*processors, mode=TRAINING):
    params = SequentialProcessorPipelineParams(run_parallel=False, processors=list(processors))
    return params.create(DataPipelineParams(mode=mode), ToyDataParams())


def composed(*groups, mode=TRAINING):
    pipelines = [
        SequentialProcessorPipelineParams(run_parallel=False, processors=list(group)) for group in groups
    ]
    params = ComposedProcessorPipelineParams(pipelines=pipelines)
    return params.create(DataPipelineParams(mode=mode), ToyDataParams())


def x(samples):
    return [float(s.inputs["x"][0]) for s in samples]


def test_neighbours_that_map_share_a_group():
    add, repeat = AddParams(), RepeatParams()

    groups = sequential(add, add, repeat, repeat, add).pipeline

    assert [group.is_mapping for group in groups] == [True, False, False, True]
    assert [len(groups[i].create_processor_fn().processors) for i in (0, 3)] == [2, 1]  # type: ignore[union-attr]


def test_processors_of_other_modes_are_left_out_and_empty_groups_vanish():
    groups = [[AddParams(modes={PipelineMode.TARGETS})], [AddParams(modes=INPUT_PROCESSOR)]]

    assert len(composed(*groups).pipeline) == 1
    assert len(composed(*groups, mode=PipelineMode.TARGETS).pipeline) == 1
    assert sequential(*groups[0]).pipeline == []


def test_a_pipeline_without_processors_passes_samples_on():
    samples = numbers(3)

    assert list(sequential().apply(samples)) == samples


def test_invalid_samples_are_dropped_before_and_after_processors():
    given = [Sample(inputs=1), *numbers(3)]

    assert x(sequential(DropParams(numbers=[1])).apply(given)) == [0, 2]
    assert x(sequential().apply(given)) == [0, 1, 2]


def test_composed_and_sequential_give_the_same():
    processors = [AddParams(), RepeatParams(), DropParams(numbers=[1]), AddParams()]

    expected = x(sequential(*processors).apply(numbers(3)))

    assert expected == [2, 2.5, 4, 4.5]
    assert x(composed(processors).apply(numbers(3))) == expected
    assert x(composed(processors[:1], processors[1:]).apply(numbers(3))) == expected


def test_a_group_holds_one_generating_processor_at_most():
    with pytest.raises(
        UsageError, match=r"may hold one that generates, this one holds \['RepeatParams', 'Swal"
    ):
        composed([RepeatParams(), SwallowParams()])


def test_apply_is_lazy_and_ends_early():
    Add.applied = 0
    endless = (sample(i) for i in count())

    first = x(
        s for s, _ in zip(sequential(AddParams(), RepeatParams()).apply(endless), range(3), strict=False)
    )

    assert first == [1, 1.5, 2]
    assert Add.applied == 2


def test_apply_takes_the_params_of_a_generator():
    params = ToyGeneratorParams(source=lambda mode: ToyGenerator(numbers(2), mode))

    assert x(sequential(AddParams()).apply(params, run_parallel=False)) == [1, 2]


def test_apply_on_sample_gives_the_first_result():
    assert x([sequential(AddParams(), RepeatParams()).apply_on_sample(sample(1))]) == [2]
    assert sequential(DropParams(numbers=[1])).apply_on_sample(sample(1)) is None


def test_processors_for_single_samples_are_created_once():
    pipeline = sequential(AddParams())
    Add.created = 0

    for number in range(3):
        pipeline.apply_on_sample(sample(number))

    assert Add.created == 1


def test_error_in_a_group_after_a_generating_processor_names_both_place_and_reason():
    with pytest.raises(DataError, match="`Fail` failed at sample 4 with ZeroDivisionError"):
        list(sequential(RepeatParams(), FailParams(number=2)).apply(numbers(5)))


def test_error_in_a_generating_processor_names_the_last_sample_it_took():
    broken = Sample(inputs={}, targets={}, meta={"id": "bad"})

    with pytest.raises(
        DataError, match=r"`Repeat` failed at sample `bad` \(number 2\), the last it took with Ke"
    ):
        list(sequential(RepeatParams()).apply([*numbers(2), broken]))


def test_a_generating_processor_cannot_hide_that_the_samples_before_it_ended_with_an_error():
    with pytest.raises(DataError, match="`Fail` failed at sample 3"):
        list(sequential(FailParams(number=3), SwallowParams()).apply(numbers(5)))


def test_a_processor_that_cannot_be_created_is_named():
    class Broken(AddParams):
        @staticmethod
        def cls():
            return BrokenProcessor

    class BrokenProcessor(Add):
        def __init__(self, *args, **kwargs):
            raise FileNotFoundError("codec.txt")

    with pytest.raises(DataError, match="of `Broken` could not be created: FileNotFoundError: codec"):
        list(sequential(Broken()).apply(numbers(1)))
