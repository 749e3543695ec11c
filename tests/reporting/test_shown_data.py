import sys

import numpy as np
import pytest

from tfaip.reporting.shown_data import ShownData, as_pixels, is_image_like, write_images

PARTS = ["inputs", "meta"]


def lines_of(*arrays):
    shown = ShownData(["inputs"])
    for array in arrays:
        shown.add(({"x": np.asarray(array)},))
    return list(shown.lines())


def test_type_shape_and_range_are_of_all_batches():
    shown = ShownData(["inputs", "targets"])

    shown.add(({"img": np.zeros((2, 5, 8), "float32")}, {"gt": np.array([[1], [2]], "int32")}))
    shown.add(({"img": np.ones((2, 5, 9), "float32")}, {"gt": np.array([[3], [4]], "int32")}))

    assert list(shown.lines()) == [
        "inputs",
        "  img  float32  (5, 8-9)  0 to 1, mean 0.5294",
        "targets",
        "  gt  int32  (1,)  1 to 4, mean 2.5; first 1 2 3 4",
    ]
    assert (shown.num_samples, shown.num_batches) == (4, 2)


def test_values_that_are_not_finite_are_counted():
    assert lines_of([[np.nan], [np.inf], [2.0]])[1].endswith(
        "2 to 2, mean 2; 2 NaN or infinite; first nan inf 2.0"
    )
    assert lines_of(np.full((1, 9), np.nan))[1].endswith("(9,)  9 NaN or infinite")


def test_text_booleans_and_empty_arrays_are_described():
    texts = np.array([[b"a"], ["\u00e4".encode()]], object)

    assert lines_of(texts)[1] == "  x  text  (1,)  first a \u00e4"
    assert lines_of([[True, False]])[1] == "  x  bool  (2,)  0 to 1, mean 0.5; first [True False]"
    assert lines_of(np.zeros((2, 0, 3)))[1] == "  x  float64  (0, 3)  first [] []"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((8, 8), True),
        ((8, 8, 1), True),
        ((8, 8, 3), True),
        ((8, 8, 4), True),
        ((8, 8, 2), False),
        ((8, 3), False),
        ((8,), False),
        ((8, 8, 8, 3), False),
        ((), False),
    ],
)
def test_what_looks_like_an_image(shape, expected):
    assert is_image_like(shape) == expected


def test_pixels_of_uint8_are_kept_and_others_scaled():
    grey = np.array([[0, 100], [200, 3]], "uint8")

    np.testing.assert_array_equal(as_pixels(grey[..., np.newaxis]), grey)
    np.testing.assert_array_equal(as_pixels(np.array([[-0.5, 0.0], [0.5, np.nan]])), [[0, 128], [255, 128]])
    np.testing.assert_array_equal(as_pixels(np.array([[True, False]])), [[255, 0]])
    np.testing.assert_array_equal(as_pixels(np.full((2, 2), 7.0)), np.zeros((2, 2)))


def test_each_image_of_a_batch_is_a_file(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(2 * 6 * 5, dtype="uint8").reshape(2, 6, 5, 1)
    batch = ({"a/b": pixels, "vector": np.zeros((2, 5))}, {"meta": np.array([[b"x"], [b"y"]], object)})

    written = write_images(batch, PARTS, tmp_path / "new", first=7)

    assert [path.name for path in written] == ["0007_inputs_a_b.png", "0008_inputs_a_b.png"]
    with image.open(written[1]) as file:
        np.testing.assert_array_equal(np.asarray(file), pixels[1, :, :, 0])


def test_without_images_pillow_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)

    assert write_images(({"x": np.zeros((2, 3))},), ["inputs"], tmp_path / "new") == []
    assert not (tmp_path / "new").exists()
    with pytest.raises(ImportError):
        write_images(({"x": np.zeros((2, 8, 8))},), ["inputs"], tmp_path)
