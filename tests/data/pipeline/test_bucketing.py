import numpy as np
import pytest

from tfaip.data.databaseparams import DataPipelineParams
from tfaip.data.pipeline.bucketing import bucket_batch_sizes, in_buckets
from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import DataError


def cut(lengths, boundaries, sizes, length_fn=lambda inputs: inputs["x"].shape[0], **kwargs):
    samples = [(i, Sample(inputs={"x": np.zeros(n)})) for i, n in enumerate(lengths)]
    return [[i for i, _ in batch] for batch in in_buckets(samples, length_fn, boundaries, sizes, **kwargs)]


@pytest.mark.parametrize(
    ("params", "sizes"),
    [
        ({"batch_size": 4, "bucket_boundaries": [10, 20, 40]}, [16, 8, 4, 4]),
        ({"batch_size": 3, "bucket_boundaries": [7, 10]}, [4, 3, 3]),
        ({"bucket_boundaries": [7, 10], "bucket_batch_sizes": [5, 2]}, [5, 2, 2]),
        ({"bucket_boundaries": [7, 10], "bucket_batch_sizes": [5, 2, 1]}, [5, 2, 1]),
    ],
)
def test_shorter_samples_make_larger_batches(params, sizes):
    assert bucket_batch_sizes(DataPipelineParams(**params)) == sizes


def test_a_bucket_is_given_when_it_is_full_and_the_rest_at_the_end():
    assert cut([1, 5, 2, 9, 1, 5], [3, 6], [2, 2, 2]) == [[0, 2], [1, 5], [4], [3]]


def test_a_length_at_a_boundary_belongs_to_the_longer_bucket():
    assert cut([2, 3, 6], [3, 6], [5, 5, 5]) == [[0], [1], [2]]


def test_the_rest_can_be_dropped():
    assert cut([1, 1, 1, 5], [3], [2, 2], drop_remainder=True) == [[0, 1]]


@pytest.mark.parametrize(
    "length_fn",
    [
        lambda inputs: np.array([len(inputs["x"])]),
        lambda inputs: np.int32(len(inputs["x"])),
        lambda inputs: [len(inputs["x"])],
    ],
)
def test_a_length_may_be_an_array_of_one_number(length_fn):
    assert cut([1, 5], [3], [2, 2], length_fn=length_fn) == [[0], [1]]


def test_a_length_function_that_fails_is_named_with_the_sample():
    with pytest.raises(DataError, match=r"`element_length_fn` failed at sample 0 with KeyError: 'y'"):
        cut([1], [3], [2, 2], length_fn=lambda inputs: inputs["y"])
    with pytest.raises(DataError, match=r"`element_length_fn` must return one number, got array\(\[1, 2\]\)"):
        cut([1], [3], [2, 2], length_fn=lambda inputs: [1, 2])
