import numpy as np
import pytest

from tfaip.data.packbits import packbits, packsize, unpackbits


@pytest.mark.parametrize(("size", "expected"), [(0, 0), (1, 1), (8, 1), (9, 2)])
def test_packsize_is_the_number_of_bytes(size, expected):
    assert packsize(size) == expected


def test_first_value_is_the_highest_bit():
    np.testing.assert_array_equal(packbits(np.array([[1, 0, 0, 0, 0, 0, 1, 1, 1]])), [[131, 128]])


def test_unpacking_reverses_packing():
    bits = np.random.default_rng(1).integers(0, 2, (2, 3, 11), "uint8")

    np.testing.assert_array_equal(unpackbits(packbits(bits), 11), bits)


def test_tensors_unpack_to_tensors():
    tf = pytest.importorskip("tensorflow")
    bits = np.random.default_rng(1).integers(0, 2, (2, 3, 11), "uint8")

    unpacked = unpackbits(tf.constant(packbits(bits)), 11)

    assert unpacked.dtype == tf.uint8
    np.testing.assert_array_equal(unpacked.numpy(), bits)
