import itertools

import numpy as np
import pytest

from tests.data.toy import (
    Add,
    AddParams,
    DrawingGenerator,
    DropParams,
    EndlessGenerator,
    FailingGenerator,
    FailParams,
    NoiseParams,
    RepeatParams,
    ToyGenerator,
    numbers,
    pipeline,
    sample,
    shuffling,
    values,
)
from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.pipeline.stream import StreamPosition
from tfaip.errors import DataError, UsageError

TRAINING, EVALUATION = PipelineMode.TRAINING, PipelineMode.EVALUATION


def lengths_source(mode):
    return ToyGenerator([sample(i, y=1 + i % 3) for i in range(7)], mode)


def lists_source(mode):
    return ToyGenerator(numbers(7), mode, batch_size=3)


def endless(mode):
    return EndlessGenerator(mode, DataGeneratorParams())


BY_LABEL = {"length_fn": lambda inputs: inputs["x"] % 3}

PIPELINES = {
    "plain": lambda: pipeline(numbers(5), batch_size=2),
    "shuffled by the generator": lambda: pipeline(shuffling(7), batch_size=2),
    "drawing generator": lambda: pipeline(
        lambda mode: DrawingGenerator(mode, DataGeneratorParams()), NoiseParams(), batch_size=2
    ),
    "endless": lambda: pipeline(endless, NoiseParams(), batch_size=2),
    "endless and limit": lambda: pipeline(endless, NoiseParams(), batch_size=2, limit=3),
    "endless and generating": lambda: pipeline(endless, RepeatParams(noisy=True), batch_size=4),
    "mapping": lambda: pipeline(shuffling(7), NoiseParams(), AddParams(), batch_size=3),
    "dropping": lambda: pipeline(
        shuffling(7), NoiseParams(), DropParams(numbers=[1, 4]), NoiseParams(), batch_size=2
    ),
    "last dropped": lambda: pipeline(numbers(5), DropParams(numbers=[4]), NoiseParams(), batch_size=2),
    "generating": lambda: pipeline(
        shuffling(5), NoiseParams(), RepeatParams(noisy=True), NoiseParams(), batch_size=3
    ),
    "shuffle buffer": lambda: pipeline(numbers(7), NoiseParams(), batch_size=2, shuffle_buffer_size=3),
    "limit": lambda: pipeline(shuffling(7), NoiseParams(), batch_size=2, limit=5),
    "limit and generating": lambda: pipeline(numbers(7), RepeatParams(noisy=True), batch_size=4, limit=3),
    "drop remainder": lambda: pipeline(shuffling(7), batch_size=3, batch_drop_remainder=True),
    "larger batch than pass": lambda: pipeline(shuffling(3), NoiseParams(), batch_size=8),
    "lists": lambda: pipeline(lists_source, NoiseParams(), DropParams(numbers=[1, 3, 4, 5])),
    "lists and generating": lambda: pipeline(lists_source, RepeatParams(noisy=True)),
    "limited lists": lambda: pipeline(lists_source, NoiseParams(), limit=4),
    "buckets": lambda: pipeline(
        shuffling(8), NoiseParams(), data=BY_LABEL, bucket_boundaries=[1, 2], bucket_batch_sizes=[2, 1, 3]
    ),
    "buckets, drop remainder": lambda: pipeline(
        shuffling(8), data=BY_LABEL, bucket_boundaries=[1, 2], batch_size=2, batch_drop_remainder=True
    ),
}


def arrays_equal(a, b):
    return all(
        x.keys() == y.keys() and all(np.array_equal(x[k], y[k]) for k in x) for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("name", PIPELINES)
def test_a_stream_goes_on_bit_for_bit_from_each_of_its_positions(name):
    whole = PIPELINES[name]().batch_stream(auto_repeat=True, random_seed=3)
    expected = list(itertools.islice(iter(whole), 14))
    positions = [whole.position_after(n) for n in range(11)]

    for number, position in enumerate(positions):
        again = PIPELINES[name]().batch_stream(auto_repeat=True, random_seed=3, start=position)
        for batch, expected_batch in zip(iter(again), expected[number:], strict=False):
            assert arrays_equal(batch, expected_batch), f"after {number}, {position}"
            if batch is expected[-1]:
                break


@pytest.mark.parametrize("name", ["plain", "dropping", "generating", "shuffle buffer", "lists", "buckets"])
def test_a_single_pass_goes_on_from_each_of_its_positions_and_ends(name):
    whole = PIPELINES[name]().batch_stream(auto_repeat=False, random_seed=3)
    expected = values(whole)

    for number in range(len(expected) + 1):
        position = whole.position_after(number)
        again = PIPELINES[name]().batch_stream(auto_repeat=False, random_seed=3, start=position)
        assert values(again) == expected[number:], f"after {number}"


def test_positions_count_passes_and_samples():
    stream = pipeline(numbers(5), DropParams(numbers=[3]), batch_size=3).batch_stream(auto_repeat=True)

    found = values(stream, limit=3)

    assert found == [[0, 1, 2], [4, 0, 1], [2, 4, 0]]
    assert stream.position_after(0) == StreamPosition()
    assert stream.position_after(1) == StreamPosition(pass_index=0, raw_index=3, sample_index=3)
    assert stream.position_after(2) == StreamPosition(pass_index=1, raw_index=2, sample_index=2)


def test_a_training_cuts_an_endless_generator_into_passes_of_its_length():
    stream = pipeline(endless, batch_size=5).batch_stream(auto_repeat=True)

    values(stream, limit=3)

    assert stream.position_after(2) == StreamPosition(pass_index=1, raw_index=5, sample_index=5)


def test_position_survives_a_dict():
    position = StreamPosition(1, 2, 3)

    assert StreamPosition.from_dict(position.to_dict()) == position


def test_mapping_processors_do_not_run_for_skipped_samples():
    toy = pipeline(numbers(100), AddParams(), batch_size=10)
    Add.applied = 0

    values(toy.batch_stream(auto_repeat=False, start=StreamPosition(0, 80, 80)))

    assert Add.applied == 20


def test_earlier_positions_are_forgotten():
    stream = pipeline(numbers(5), batch_size=1).batch_stream(auto_repeat=False)
    values(stream)

    stream.position_after(3)

    with pytest.raises(ValueError, match="position after 2 batches is not known"):
        stream.position_after(2)


@pytest.mark.parametrize("name", ["shuffled by the generator", "mapping", "generating", "shuffle buffer"])
def test_same_seed_same_batches_other_seed_other_batches(name):
    def first(seed):
        return values(PIPELINES[name]().batch_stream(auto_repeat=True, random_seed=seed), limit=6)

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize("name", ["shuffled by the generator", "shuffle buffer"])
def test_each_pass_has_an_order_of_its_own(name):
    toy = PIPELINES[name]()
    toy.pipeline_params.batch_size = 7

    first, second = values(toy.batch_stream(auto_repeat=True, random_seed=1), limit=2)

    assert first != second
    assert sorted(int(x) for x in first) == sorted(int(x) for x in second) == list(range(7))


def test_without_a_seed_the_order_is_random():
    found = [values(pipeline(shuffling(20), batch_size=20).generate_input_batches()) for _ in range(2)]

    assert found[0] != found[1]


def test_a_random_generator_does_not_feel_the_processors():
    def drawn(*processors):
        toy = pipeline(lambda mode: DrawingGenerator(mode, DataGeneratorParams()), *processors, batch_size=2)
        with toy.batch_stream(auto_repeat=False, random_seed=5) as batches:
            return [value for batch in values(batches) for value in batch]

    assert drawn(RepeatParams(noisy=True))[::2] == drawn()


def test_evaluation_keeps_the_order_and_ends():
    toy = pipeline(shuffling(5), mode=EVALUATION, batch_size=2)

    assert values(toy.generate_input_batches()) == [[0, 1], [2, 3], [4]]


def test_remainder_is_dropped_in_training_only():
    toy = pipeline(numbers(5), batch_size=2, batch_drop_remainder=True)

    assert values(toy.generate_input_batches()) == [[0, 1], [2, 3]]
    with pytest.raises(UsageError, match=r"--val\.batch_drop_remainder"):
        toy.to_mode(EVALUATION).generate_input_batches()


def test_limit_takes_the_first_samples_of_each_pass():
    toy = pipeline(numbers(9), batch_size=2, limit=3)

    assert values(toy.generate_input_batches()) == [[0, 1], [2]]
    assert values(toy.generate_input_batches(auto_repeat=True), limit=3) == [[0, 1], [2, 0], [1, 2]]


def test_limit_bounds_the_batches_of_a_processor_that_makes_more_samples():
    toy = pipeline(numbers(9), RepeatParams(), batch_size=2, limit=3)

    assert values(toy.generate_input_batches()) == [[0, 0.5], [1, 1.5]]


@pytest.mark.parametrize("processor", [DropParams(), None])
def test_repeating_a_pass_without_a_valid_sample_is_an_error(processor):
    toy = pipeline(numbers(3) if processor else [], *filter(None, [processor]), batch_size=2)

    with pytest.raises(DataError, match=r"no valid sample in a full pass.*`ToyGenerator`"):
        values(toy.generate_input_batches(auto_repeat=True))
    with (
        pytest.raises(DataError, match="no valid sample in a full pass"),
        toy.generate_input_samples(auto_repeat=True) as samples,
    ):
        list(samples)


def test_a_single_pass_without_a_valid_sample_is_empty():
    assert values(pipeline(numbers(3), DropParams()).generate_input_batches()) == []


def test_error_of_a_processor_ends_the_stream_and_is_kept():
    stream = pipeline(numbers(5), FailParams(number=3), batch_size=2).batch_stream(auto_repeat=False)
    batches = iter(stream)
    next(batches)

    with pytest.raises(
        DataError, match=r"`Fail` failed at sample 3 with ZeroDivisionError: nothing"
    ) as first:
        next(batches)
    with pytest.raises(DataError) as second:
        next(batches)

    assert stream.error is first.value is second.value
    assert isinstance(first.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("processors", [[], [AddParams()], [RepeatParams()]])
@pytest.mark.parametrize("random_seed", [None, 1])
def test_error_of_a_generator_names_its_index(processors, random_seed):
    toy = pipeline(lambda mode: FailingGenerator(mode, DataGeneratorParams()), *processors, batch_size=1)

    with pytest.raises(
        DataError, match=r"generator `FailingGenerator` failed at sample 57 with OSError: the d"
    ):
        values(toy.batch_stream(auto_repeat=False, random_seed=random_seed))


def test_batches_before_an_error_are_delivered():
    toy = pipeline(lambda mode: FailingGenerator(mode, DataGeneratorParams()), batch_size=8)
    found = []

    with pytest.raises(DataError):  # noqa: PT012 - what comes before the error counts
        for batch in toy.batch_stream(auto_repeat=False, random_seed=1):
            found.extend(values([batch])[0])

    assert found == list(range(56))


def test_each_iteration_begins_anew():
    stream = pipeline(numbers(3), batch_size=2).batch_stream(auto_repeat=False)

    assert values(stream) == values(stream) == [[0, 1], [2]]


def test_an_iteration_ends_when_the_stream_is_closed():
    stream = pipeline(numbers(5), batch_size=1).batch_stream(auto_repeat=True)

    with stream as batches:
        next(batches)

    assert list(batches) == []


def test_processors_are_created_once_per_stream():
    stream = pipeline(numbers(2), AddParams(), batch_size=1).batch_stream(auto_repeat=True)
    Add.created = 0

    values(stream, limit=9)

    assert Add.created == 1


def test_a_short_generator_is_reported_once_with_both_numbers(caplog):
    toy = pipeline(lambda mode: ToyGenerator(numbers(2), mode, promised=10), mode=EVALUATION)
    stream = toy.batch_stream(auto_repeat=False)

    assert values(stream) == values(stream) == [[0, 1]]
    assert [r.getMessage() for r in caplog.records] == [
        "The generator ToyGenerator yielded 2 of 10 samples in mode evaluation. Let its `__len__` return the "
        "number of samples of one pass."
    ]


def test_a_generator_longer_than_promised_is_used_whole(caplog):
    toy = pipeline(lambda mode: ToyGenerator(numbers(4), mode, promised=2), mode=EVALUATION)

    assert values(toy.generate_input_batches()) == [[0, 1, 2, 3]]
    assert not caplog.records


@pytest.mark.parametrize("promised", [-1, 3.5, "many"])
def test_a_nonsensical_length_is_a_usage_error(promised):
    toy = pipeline(lambda mode: ToyGenerator(numbers(4), mode, promised=promised))

    with pytest.raises(UsageError, match=r"`len\(\)` of the generator `ToyGenerator` failed with"):
        len(toy.generate_input_samples())


def test_what_is_no_sample_is_named():
    with pytest.raises(DataError, match="`ToyGenerator` yielded int as number 1, a Sample is expected"):
        values(pipeline([sample(0), 5]).generate_input_batches())


def test_what_is_no_list_is_named():
    class Mixed(ToyGenerator):
        def generate(self):
            return [numbers(2), sample(3)]

    with pytest.raises(DataError, match="`Mixed` yielded Sample as number 1, a list of samples is expected"):
        values(pipeline(lambda mode: Mixed([], mode, batch_size=2)).generate_input_batches())


def test_lists_of_a_generator_are_batches_without_the_dropped():
    toy = pipeline(lists_source, DropParams(numbers=[1, 3, 4, 5]))

    assert values(toy.generate_input_batches()) == [[0, 2], [6]]
    assert toy.auto_batch is False


def test_limit_counts_the_samples_in_lists():
    assert values(pipeline(lists_source, limit=4).generate_input_batches()) == [[0, 1, 2], [3]]
