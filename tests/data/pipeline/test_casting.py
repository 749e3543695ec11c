import numpy as np
import pytest

from tfaip.data.pipeline.casting import LossyError, lossless


@pytest.mark.parametrize(
    ("values", "source", "target"),
    [
        ([0, 255], "uint8", "float32"),
        ([0, 255], "int64", "uint8"),
        ([1.0, -2.0], "float64", "int32"),
        ([2**31 - 1], "int64", "int32"),
        ([2.0**40], "float32", "int64"),
        ([1, 0], "int64", "bool"),
        ([1.0, 0.0], "float32", "bool"),
        ([True, False], "bool", "float32"),
        ([1, 2], ">i4", "int32"),
        ([1.5], ">f8", "float32"),
        ([np.inf, np.nan], "float64", "float32"),
        ([2**30], "int64", "float32"),
        ([], "float64", "int32"),
    ],
)
def test_equal_values_pass(values, source, target):
    cast = lossless(np.array(values, source), np.dtype(target))

    assert cast.dtype == np.dtype(target)
    assert cast.dtype.isnative
    np.testing.assert_array_equal(cast.astype("float64"), np.array(values, "float64"))


def test_fractions_may_be_rounded_to_a_shorter_float():
    np.testing.assert_allclose(lossless(np.array([0.1]), np.dtype("float32")), [0.1], rtol=1e-7)


@pytest.mark.parametrize(
    ("value", "source", "target"),
    [
        (3.7, "float64", "int32"),
        (10**12, "int64", "int32"),
        (1e12, "float64", "int32"),
        (1e300, "float64", "float32"),
        (1e6, "float32", "float16"),
        (-1, "int8", "uint64"),
        (2**63, "uint64", "int64"),
        (2.0**63, "float64", "int64"),
        (2**24 + 1, "int64", "float32"),
        (2**53 + 1, "int64", "float64"),
        (np.nan, "float32", "int32"),
        (2, "int64", "bool"),
        (0.5, "float32", "bool"),
    ],
)
def test_a_value_that_would_change_is_named(value, source, target):
    array = np.array([0, value], source)

    with pytest.raises(LossyError, match=rf"^{array[1]!s} does not fit {target}$".replace("+", r"\+")):
        lossless(array, np.dtype(target))


@pytest.mark.parametrize(("values", "target"), [(["3"], "int32"), ([None], "float32"), ([1j], "float32")])
def test_kinds_that_are_no_numbers_do_not_become_numbers(values, target):
    with pytest.raises(LossyError, match=f"does not become {target}"):
        lossless(np.array(values), np.dtype(target))
