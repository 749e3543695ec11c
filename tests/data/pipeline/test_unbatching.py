import numpy as np

from tfaip.data.pipeline.unbatching import unbatch


def test_each_row_becomes_a_sample_with_its_meta_data():
    samples = list(
        unbatch(
            inputs={"a": np.array([[1], [2]])},
            targets={"t": np.array([3, 4])},
            outputs={"o": [np.array([5, 6]), np.array([7, 8])]},
            meta={"meta": np.array([[b'{"id": 1}'], [b"{}"]], object)},
        )
    )

    assert [s.inputs["a"].tolist() for s in samples] == [[1], [2]]
    assert [s.targets["t"] for s in samples] == [3, 4]
    assert [s.outputs["o"] for s in samples] == [[5, 7], [6, 8]]
    assert [s.meta for s in samples] == [{"id": 1}, {}]


def test_missing_parts_stay_none():
    (sample,) = unbatch(outputs=np.array([7]))

    assert (sample.inputs, sample.targets, sample.outputs, sample.meta) == (None, None, 7, None)


def test_meta_data_that_are_no_json_text_stay_arrays():
    (sample,) = unbatch(outputs=np.array([7]), meta={"length": np.array([[3]])})

    assert sample.meta["length"].tolist() == [3]


def test_an_empty_batch_gives_no_samples():
    assert list(unbatch(inputs={"a": np.zeros((0, 3))}, meta={"meta": np.zeros((0, 1), object)})) == []
