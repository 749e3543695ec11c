from dataclasses import dataclass
from typing import Any

import pytest
from paiargparse import pai_dataclass

from tests.data.toy import Add, AddParams, DropParams, FailParams, RepeatParams, numbers, sample
from tfaip.data.pipeline.definitions import INPUT_PROCESSOR, PipelineMode, Sample
from tfaip.data.pipeline.processor.dataprocessor import (
    DataProcessorParams,
    MappingDataProcessor,
    SequenceProcessor,
)
from tfaip.errors import DataError, UsageError

TRAINING = PipelineMode.TRAINING


@pai_dataclass
@dataclass
class OddParams(DataProcessorParams):
    returned: Any = None

    @staticmethod
    def cls() -> Any:
        return Odd


class Odd(MappingDataProcessor[OddParams]):
    """Returns what its params say, and looks at the meta data."""

    def apply(self, sample: Sample) -> Any:
        assert sample.meta is not None
        return self.params.returned


@pai_dataclass
@dataclass
class PickyParams(DataProcessorParams):
    @staticmethod
    def cls() -> Any:
        return Picky


class Picky(MappingDataProcessor[PickyParams]):
    """Its constructor lacks an argument."""

    def __init__(self, params: Any, data_params: Any) -> None:
        super().__init__(params, data_params, TRAINING)

    def apply(self, sample: Sample) -> Sample:
        return sample


def x(samples):
    return [float(s.inputs["x"][0]) for s in samples]


def sequence(*params):
    return SequenceProcessor(None, TRAINING, [p.create(None, TRAINING) for p in params])


def test_a_processor_knows_params_data_and_mode():
    params = AddParams(amount=2)

    processor = params.create(None, TRAINING)

    assert (processor.params, processor.data_params, processor.mode) == (params, None, TRAINING)


def test_a_processor_for_another_mode_is_not_created():
    with pytest.raises(UsageError, match=r"AddParams is for the modes .*not for targets"):
        AddParams(modes=INPUT_PROCESSOR).create(None, PipelineMode.TARGETS)


def test_a_wrong_constructor_is_explained():
    with pytest.raises(
        TypeError, match=r"Picky could not be created.*must take `params`, `data_params` and `m"
    ):
        PickyParams().create(None, TRAINING)


def test_params_without_cls_say_what_to_override():
    with pytest.raises(NotImplementedError, match=r"must override `cls\(\)`"):
        DataProcessorParams().create(None, TRAINING)


def test_apply_gets_a_copy_with_meta_data():
    given = sample(1)

    processed = AddParams(amount=1).create(None, TRAINING)(given)

    assert x([given, processed]) == [1, 2]
    assert given.meta is None
    assert processed.meta == {}


def test_only_samples_are_processed():
    with pytest.raises(TypeError, match="Add takes a Sample, got int"):
        AddParams().create(None, TRAINING)(3)
    with pytest.raises(TypeError, match="Repeat takes an iterable of samples, got Sample"):
        RepeatParams().create(None, TRAINING)(sample(1))


def test_apply_on_samples_keeps_order_and_drops_invalid_ones():
    processor = DropParams(numbers=[1]).create(None, TRAINING)

    assert x(processor.apply_on_samples(numbers(3))) == [0, 2]
    assert len(processor.apply_on_samples(numbers(3), drop_invalid=False)) == 3
    assert x(processor.preload(numbers(3))) == [0, 2]


def test_apply_on_samples_in_processes_gives_the_same():
    processor = AddParams(amount=1).create(None, TRAINING)

    assert x(processor.apply_on_samples(numbers(5), num_processes=2)) == [1, 2, 3, 4, 5]


def test_generating_processor_applies_to_all_samples_at_once():
    assert x(RepeatParams().create(None, TRAINING).apply_on_samples(numbers(2))) == [0, 0.5, 1, 1.5]


def test_sequence_applies_in_order_until_a_sample_is_invalid():
    Add.applied = 0
    processor = sequence(AddParams(amount=1), DropParams(numbers=[3]), AddParams(amount=1))

    assert x([processor(sample(2))]) == [4]
    assert not processor(sample(3)).is_valid(TRAINING)
    assert Add.applied == 3
    assert [type(p).__name__ for p in processor.processors] == ["Add", "Drop", "Add"]


@pytest.mark.parametrize("returned", [None, Sample(meta={"id": 1})])
def test_sequence_passes_on_what_is_no_valid_sample(returned):
    assert sequence(OddParams(returned=returned), FailParams(number=1)).apply(sample(1)) is returned


def test_an_error_names_processor_sample_and_reason():
    with pytest.raises(DataError) as caught:
        sequence(AddParams(), FailParams(number=3)).apply(sample(3, id="a.png"))

    assert str(caught.value) == (
        "the processor `Fail` failed at sample `a.png` with ZeroDivisionError: nothing to divide by"
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_error_of_ours_passes_as_it_is():
    class Refuse(Odd):
        def apply(self, sample: Sample) -> Any:
            raise UsageError("set a flag")

    with pytest.raises(UsageError) as caught:
        SequenceProcessor(None, TRAINING, [Refuse(OddParams(), None, TRAINING)]).apply(sample(1, id="a"))

    assert str(caught.value) == "set a flag"
    assert caught.value.__notes__ == ["raised in the processor Refuse at sample `a`"]


def test_what_is_no_sample_is_named_with_its_processor():
    with pytest.raises(DataError, match="`Odd` returned int for sample 7, a Sample is expected"):
        sequence(OddParams(returned=3)).apply_numbered(sample(1), 7)
