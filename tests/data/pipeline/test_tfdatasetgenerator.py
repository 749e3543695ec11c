import threading

import numpy as np
import pytest
import tensorflow as tf

from tests.data.toy import (
    AddParams,
    FailParams,
    NoiseParams,
    RepeatParams,
    ToyGenerator,
    numbers,
    pipeline,
    sample,
    values,
)
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.tfdatasetgenerator import TFDatasetGenerator, in_blocks
from tfaip.data.specs import TensorSpec
from tfaip.errors import DataError, UsageError

TRAINING, EVALUATION = PipelineMode.TRAINING, PipelineMode.EVALUATION


class HalvesGenerator(TFDatasetGenerator):
    """Splits each sample into two of half the value."""

    def _transform(self, dataset):
        halved = dataset.map(lambda i, t, m: ({"x": i["x"] / 2}, t, m))
        return halved.flat_map(lambda *s: tf.data.Dataset.from_tensors(s).repeat(2))


class HalvesPipeline(DataPipeline):
    def _create_tf_dataset_generator(self):
        return HalvesGenerator(self)


def halves(*args, **kwargs):
    toy = pipeline(*args, **kwargs)
    return HalvesPipeline(toy.pipeline_params, toy.data, toy.generator_params)


def tf_values(dataset, limit=None):
    return values(dataset.as_numpy_iterator(), limit)


def number_batches(sizes):
    return [
        ({"x": np.full((size, 1), i)}, {"meta": np.full((size, 1), b"{}", object)})
        for i, size in enumerate(sizes)
    ]


def test_dataset_has_the_batches_of_the_stream_in_every_mode():
    for mode in PipelineMode:
        toy = pipeline(numbers(7), AddParams(), mode=mode, batch_size=3)

        dataset = toy.input_dataset()

        with toy.generate_input_batches() as batches:
            for got, expected in zip(dataset.as_numpy_iterator(), batches, strict=True):
                assert [list(part) for part in got] == [list(part) for part in expected]
                np.testing.assert_equal(got, expected)


def test_elements_have_the_structure_and_dtypes_of_the_specs():
    specs = {"img": tf.TensorSpec([None, 2], tf.uint8), "text": TensorSpec((1,), "string")}
    given = Sample(
        inputs={"img": np.ones((3, 2)), "text": ["ä"]}, targets={"y": np.array([1])}, meta={"id": 1}
    )
    toy = pipeline([given], mode=EVALUATION, data={"inputs": specs})

    dataset = toy.input_dataset()

    assert dataset.element_spec == (
        {"img": tf.TensorSpec([None, None, 2], tf.uint8), "text": tf.TensorSpec([None, 1], tf.string)},
        {"y": tf.TensorSpec([None, 1], tf.int32)},
        {"meta": tf.TensorSpec([None, 1], tf.string)},
    )
    inputs, _, meta = next(dataset.as_numpy_iterator())
    assert inputs["text"].tolist() == [["ä".encode()]]
    assert meta["meta"].tolist() == [[b'{"id": 1}']]


def test_each_iteration_of_a_dataset_is_a_pass():
    dataset = pipeline(numbers(3), mode=EVALUATION, batch_size=2).input_dataset()

    assert tf_values(dataset) == tf_values(dataset) == [[0, 1], [2]]


def test_dataset_repeats_if_asked():
    dataset = pipeline(numbers(3), batch_size=2).input_dataset(auto_repeat=True)

    assert tf_values(dataset, limit=4) == [[0, 1], [2, 0], [1, 2], [0, 1]]


def test_dataset_comes_with_its_length_and_is_none_without_samples():
    dataset, length = pipeline(numbers(7), limit=5).input_dataset_with_len()
    assert (tf_values(dataset), length) == ([[0, 1, 2, 3, 4]], 5)

    assert pipeline([]).input_dataset() is None
    assert pipeline([]).input_dataset_with_len() == (None, 0)


@pytest.mark.parametrize("batch_size", [2, 16])
def test_a_dataset_of_a_stream_starts_where_the_stream_does(batch_size):
    toy = pipeline(numbers(50), NoiseParams(), batch_size=batch_size)
    whole = toy.batch_stream(auto_repeat=True, random_seed=1)
    expected = tf_values(toy.dataset_of_stream(whole), limit=9)

    rest = toy.batch_stream(auto_repeat=True, random_seed=1, start=whole.position_after(4))

    assert tf_values(toy.dataset_of_stream(rest), limit=5) == expected[4:]


def test_an_error_in_the_pipeline_is_kept_as_itself():
    toy = pipeline(numbers(5), FailParams(number=3), batch_size=1)
    stream = toy.batch_stream(auto_repeat=False)
    found = []

    with pytest.raises(tf.errors.OpError, match="`Fail` failed at sample 3"):  # noqa: PT012 - what comes before the error counts
        for batch in toy.dataset_of_stream(stream).as_numpy_iterator():
            found += values([batch])

    assert isinstance(stream.error, DataError)
    assert isinstance(stream.error.__cause__, ZeroDivisionError)
    assert found == [[0], [1], [2]]


def test_an_error_in_a_dataset_is_known_to_its_pipeline():
    toy = pipeline(numbers(5), FailParams(number=3), mode=EVALUATION)

    with pytest.raises(tf.errors.OpError):
        tf_values(toy.input_dataset())

    assert isinstance(toy.stream_error, DataError)


@pytest.mark.parametrize(
    ("sizes", "blocks"),
    [([2, 2, 2], [3]), ([2] * 5, [4, 1]), ([2, 2, 1], [2, 1]), ([1, 2, 2], [1, 2]), ([], [])],
)
def test_blocks_hold_batches_of_one_size(sizes, blocks):
    found = list(in_blocks(number_batches(sizes), 4))

    assert [len(block[0]["x"]) for block in found] == blocks
    assert [x for block in found for x in block[0]["x"][:, 0, 0]] == list(range(len(sizes)))


def test_batches_before_an_error_leave_their_block():
    def failing():
        yield from number_batches([2, 2])
        raise DataError("broken")

    blocks = in_blocks(failing(), 4)

    assert len(next(blocks)[0]["x"]) == 2
    with pytest.raises(DataError, match="broken"):
        next(blocks)


def test_a_prediction_does_not_wait_for_later_samples():
    answered = threading.Event()

    class Asking(ToyGenerator):
        """Gives the next sample only after the answer to the one before."""

        def generate(self):
            yield sample(0)
            yield sample(1 if answered.wait(10) else -1)

    toy = pipeline(lambda mode: Asking(numbers(2), mode), mode=PipelineMode.PREDICTION, batch_size=1)

    answers = toy.input_dataset().as_numpy_iterator()
    first = values([next(answers)])
    answered.set()

    assert first + values(answers) == [[0], [1]]


def test_samples_can_be_changed_with_tensorflow_before_they_are_batched():
    toy = halves(numbers(3), AddParams(), batch_size=4)

    assert tf_values(toy.input_dataset()) == [[0.5, 0.5, 1, 1], [1.5, 1.5]]
    assert values(toy.generate_input_batches()) == [[0.5, 0.5, 1, 1], [1.5, 1.5]]


def test_a_stream_of_changed_samples_knows_its_positions():
    toy = halves(numbers(5), NoiseParams(), RepeatParams(), batch_size=3)
    whole = toy.batch_stream(auto_repeat=True, random_seed=1)
    expected = values(whole, limit=9)

    for number in range(9):
        rest = toy.batch_stream(auto_repeat=True, random_seed=1, start=whole.position_after(number))
        assert values(rest, limit=9 - number) == expected[number:]


def test_an_error_before_the_change_is_raised_as_itself():
    with pytest.raises(DataError, match="`Fail` failed at sample 3"):
        values(halves(numbers(5), FailParams(number=3)).generate_input_batches())


def test_lists_cannot_be_changed_with_tensorflow():
    with pytest.raises(UsageError, match="yields batches, which a dataset generator with a `_transform`"):
        halves(lambda mode: ToyGenerator(numbers(3), mode, batch_size=2)).input_dataset()


def test_samples_of_a_generator_enter_a_dataset_unbatched():
    generator = TFDatasetGenerator(pipeline([], mode=EVALUATION))

    dataset = generator.create(lambda: numbers(2))

    assert [e[0]["x"].tolist() for e in dataset.as_numpy_iterator()] == [[0], [1]]
    assert [spec.shape for spec in tf.nest.flatten(dataset.element_spec)] == [[1], [1], [1]]
