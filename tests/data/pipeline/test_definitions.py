import pytest

from tfaip.data.pipeline.definitions import (
    GENERAL_PROCESSOR,
    INPUT_PROCESSOR,
    TARGETS_PROCESSOR,
    PipelineMode,
    Sample,
    describe_sample,
)


def test_processor_sets_say_which_modes_read_inputs_and_targets():
    assert set(PipelineMode) - INPUT_PROCESSOR == {PipelineMode.TARGETS}
    assert set(PipelineMode) - TARGETS_PROCESSOR == {PipelineMode.PREDICTION}
    assert set(PipelineMode) == GENERAL_PROCESSOR


def test_new_methods_change_one_part_of_a_copy():
    sample = Sample(inputs=1, outputs=2, targets=3, meta={"id": 4})

    changed = sample.new_inputs(10).new_outputs(20).new_targets(30).new_meta({"id": 40})

    assert (sample.inputs, sample.outputs, sample.targets, sample.meta) == (1, 2, 3, {"id": 4})
    assert (changed.inputs, changed.outputs, changed.targets, changed.meta) == (10, 20, 30, {"id": 40})


def test_copies_are_shallow_and_keep_the_class():
    class Line(Sample):
        pass

    line = Line(inputs=[1])
    line.page = "p1"  # type: ignore[attr-defined]

    copied = line.copy()

    assert type(copied) is Line
    assert copied.inputs is line.inputs
    assert copied.page == "p1"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("sample", "mode", "valid"),
    [
        (Sample(inputs=1, targets=2), PipelineMode.TRAINING, True),
        (Sample(inputs=1), PipelineMode.TRAINING, False),
        (Sample(targets=1), PipelineMode.EVALUATION, False),
        (Sample(inputs=1), PipelineMode.PREDICTION, True),
        (Sample(targets=1), PipelineMode.TARGETS, True),
        (Sample(inputs=1), PipelineMode.TARGETS, False),
        (Sample(outputs=1), None, True),
        (Sample(meta={"id": 1}), None, False),
    ],
)
def test_sample_is_valid_if_it_has_what_the_mode_needs(sample, mode, valid):
    assert sample.is_valid(mode) is valid


def test_invalid_sample_keeps_only_its_meta_data():
    sample = Sample(inputs=1, targets=2, meta={"id": "a"}).new_invalid()

    assert not sample.is_valid()
    assert sample.meta == {"id": "a"}


def test_samples_are_described_by_id_and_index():
    assert describe_sample(Sample(meta={"id": "a.png"}), 3) == "sample `a.png` (number 3)"
    assert describe_sample(Sample(), 3) == "sample 3"
    assert describe_sample(Sample(meta={"id": "a.png"})) == "sample `a.png`"
