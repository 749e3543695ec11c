import numpy as np
import pytest

from tfaip.errors import StorageError, UsageError
from tfaip.scenario.comparison import (
    FORMAT,
    NUM_SAMPLES,
    REPORT,
    ComparedSamples,
    differences,
    entry,
    read_report,
    write_report,
)


def difference(expected, got):
    return differences([{"y": np.asarray(expected)}], [{"y": np.asarray(got)}])["y"]


def samples(number=4):
    kept = ComparedSamples()
    kept.keep({"x": np.arange(number, dtype="float32")}, "validation")
    return kept


def compare(export, tolerance: float | None = 1e-4):
    def model(batch):
        return {"y": batch["x"] * 2}

    return samples().compare(
        model, export, reference="the model", loaded_with="a program", tolerance=tolerance
    )


@pytest.mark.parametrize(
    ("expected", "got", "largest", "relative"),
    [
        ([1.0, 0.5], [1.0, 0.25], 0.25, 0.25),
        ([100.0, 0.5], [100.0, 0.75], 0.25, 0.0025),
        ([np.nan, np.inf, 1.0], [np.nan, np.inf, 1.0], 0, 0),
        ([3, 1, 2, 2], [3, 1, 2, 0], 1, 0.25),
        ([True, False], [True, True], 1, 0.5),
        ([b"a", b"bc"], [b"a", b"bd"], 1, 0.5),
    ],
)
def test_floats_differ_by_a_size_and_other_outputs_by_a_share(expected, got, largest, relative):
    found = difference(expected, got)

    assert found.largest_difference == largest
    assert found.difference == pytest.approx(relative)
    assert found.problem == ""


@pytest.mark.parametrize(
    ("expected", "got"), [([1.0], [np.nan]), ([np.nan], [1.0]), ([np.inf], [-np.inf]), ([1.0], [np.inf])]
)
def test_a_number_that_is_not_finite_on_one_side_is_no_small_difference(expected, got):
    assert difference(expected, got).difference == np.inf


@pytest.mark.parametrize(
    ("expected", "got", "problem"),
    [
        ([1.0], [1], "the type is int64, not float64"),
        ([1.0, 2.0], [[1.0, 2.0]], r"the shape is \(1, 2\), not \(2,\)"),
    ],
)
def test_what_can_not_be_compared_is_named(expected, got, problem):
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(difference(expected, got).problem)


def test_integers_of_other_sizes_and_short_floats_are_compared_by_value():
    assert difference(np.array([1], "int32"), np.array([1], "int64")).difference == 0
    assert difference(np.array([1], "float32"), np.array([1], "float16")).difference == 0


def test_missing_and_additional_outputs_are_found():
    found = differences([{"a": np.ones(1)}], [{"b": np.ones(1)}])

    assert {key: one.problem for key, one in found.items()} == {
        "a": "it is missing",
        "b": "the model has no such output",
    }


def test_the_worst_batch_counts():
    one, other = {"y": np.zeros(3)}, {"y": np.array([0, 0, 0.5])}

    assert differences([one, one], [one, other])["y"].difference == 0.5


def test_an_export_that_computes_something_else_is_refused_with_its_outputs():
    wrong = compare(lambda batch: {"y": batch["x"] * 2 + 1})

    with pytest.raises(StorageError, match=r"`best/serve`.*a program.*4 validation samples: `y` \(diff"):
        wrong.check("best/serve")


def test_an_export_that_depends_on_the_size_of_the_batch_is_refused():
    wrong = compare(lambda batch: {"y": batch["x"] * 2 + (len(batch["x"]) == 1)})

    assert set(wrong.refused) == {"y"}


def test_what_is_within_the_tolerance_is_accepted_and_without_one_everything():
    compare(lambda batch: {"y": batch["x"] * 2 * 1.00001}).check("best/serve")
    compare(lambda _: {"z": np.zeros(1)}, tolerance=None).check("best/serve")


def test_only_the_first_samples_are_kept_and_the_first_alone():
    kept = samples(100)
    kept.keep({"x": np.zeros(5)}, "other")

    assert [len(batch["x"]) for batch in kept.batches] == [NUM_SAMPLES, 1]
    assert (kept.source, kept.num_samples) == ("validation", NUM_SAMPLES)


def test_no_samples_are_not_kept():
    kept = ComparedSamples()
    kept.keep({"x": np.zeros((0, 3))}, "validation")

    assert kept.batches == []


def test_what_has_no_batch_axis_is_left_out():
    kept = ComparedSamples()
    kept.keep({"epoch": np.int64(3), "x": np.zeros((2, 3))}, "validation")

    assert list(kept.batches[0]) == ["x"]


def test_a_report_says_what_was_compared_with_what(tmp_path):
    write_report(tmp_path, {"serve": entry(compare(lambda batch: {"y": batch["x"] * 2}))})

    (report,) = read_report(tmp_path).values()

    assert {key: report[key] for key in ("compared", "samples", "num_samples", "tolerance")} == {
        "compared": "outputs",
        "samples": "validation",
        "num_samples": 4,
        "tolerance": 1e-4,
    }
    assert report["outputs"]["y"]["difference"] == 0
    assert {"tfaip", "python", "tensorflow", "keras", "numpy"} <= set(report["versions"])


def test_a_report_of_a_later_version_is_not_overwritten(tmp_path):
    (tmp_path / REPORT).write_text(f'{{"format": {FORMAT + 1}, "graphs": {{}}}}')

    with pytest.raises(UsageError, match=f"format {FORMAT + 1}"):
        read_report(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"graphs": 3, "format": 1}', '{"format": "x", "graphs": {}}'])
def test_a_damaged_report_is_written_anew(tmp_path, text):
    (tmp_path / REPORT).write_text(text)

    assert read_report(tmp_path) == {}


def test_an_export_without_a_report_has_an_empty_one(tmp_path):
    assert read_report(tmp_path) == {}
