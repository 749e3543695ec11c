import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from paiargparse import pai_dataclass

from tests.data.toy import (
    Add,
    AddParams,
    DropParams,
    EndlessGenerator,
    NoiseParams,
    RepeatParams,
    ToyData,
    ToyDataParams,
    ToyGenerator,
    ToyGeneratorParams,
    numbers,
    pipeline,
    sample,
    values,
)
from tfaip.data.databaseparams import DataGeneratorParams, DataPipelineParams
from tfaip.data.pipeline.datapipeline import DataGenerator, DataPipeline, RawDataPipeline
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.processor.params import ComposedProcessorPipelineParams
from tfaip.errors import UsageError

TRAINING, EVALUATION = PipelineMode.TRAINING, PipelineMode.EVALUATION


@pai_dataclass
@dataclass
class LateParams(AddParams):
    ready: bool = False

    @staticmethod
    def cls() -> Any:
        return Late


class Late(Add):
    """Can be preloaded once its params say so."""

    params: LateParams

    def supports_preload(self) -> bool:
        return self.params.ready


class Twice(Add):
    """Gives each sample twice when it is preloaded."""

    def preload(self, samples, num_processes=1, drop_invalid=True, progress_bar=False):
        return [s for s in super().apply_on_samples(samples) for _ in range(2)]


@pai_dataclass
@dataclass
class TwiceParams(AddParams):
    @staticmethod
    def cls() -> Any:
        return Twice


class OwnPipeline(DataPipeline[Any]):
    """Overrides what clients override."""

    def __init__(
        self, pipeline_params, data_base, generator_params, input_processors=None, output_processors=None
    ):
        super().__init__(pipeline_params, data_base, generator_params, input_processors, output_processors)
        self._output_processors.run_parallel = False

    def create_data_generator(self) -> DataGenerator[Any]:
        return ToyGenerator(numbers(2), self.mode)


def x(samples):
    return [float(s.inputs["x"][0]) for s in samples]


def samples_of(toy, **kwargs):
    with toy.generate_input_samples(**kwargs) as samples:
        return x(samples)


def test_samples_are_processed_one_by_one_and_counted():
    toy = pipeline(numbers(5), AddParams(), DropParams(numbers=[1]), limit=3)

    generator = toy.generate_input_samples()

    assert len(generator) == 3
    with generator as samples:
        assert x(samples) == [1, 3]


def test_samples_repeat_only_if_asked():
    toy = pipeline(numbers(2))

    with toy.generate_input_samples(auto_repeat=True) as samples:
        assert x(s for s, _ in zip(samples, range(5), strict=False)) == [0, 1, 0, 1, 0]
    assert samples_of(toy, auto_repeat=None) == samples_of(toy, auto_repeat=False) == [0, 1]


def test_samples_of_a_generator_of_lists_are_stacked():
    toy = pipeline(lambda mode: ToyGenerator(numbers(3), mode, batch_size=2), AddParams())

    with toy.generate_input_samples() as samples:
        first, second = samples

    assert first.inputs["x"].tolist() == [[1], [2]]
    assert first.targets["y"].tolist() == [[0], [1]]
    assert first.meta["meta"].tolist() == [[b"{}"], [b"{}"]]
    assert second.inputs["x"].tolist() == [[3]]


def test_leaving_the_block_closes_the_generator():
    class Closing(ToyGenerator):
        closed = False

        def generate(self):
            try:
                yield from self.samples
            finally:
                Closing.closed = True

    with pipeline(lambda mode: Closing(numbers(5), mode), AddParams()).generate_input_samples() as samples:
        next(samples)

    assert Closing.closed


@pytest.mark.parametrize(
    ("mode", "keys"),
    [
        (TRAINING, [["x"], ["y"], ["meta"]]),
        (EVALUATION, [["x"], ["y"], ["meta"]]),
        (PipelineMode.PREDICTION, [["x"], ["meta"]]),
        (PipelineMode.TARGETS, [["y"], ["meta"]]),
    ],
)
def test_batches_have_the_parts_of_the_mode(mode, keys):
    with pipeline(numbers(2), mode=mode).generate_input_batches() as batches:
        (batch,) = batches

    assert [list(part) for part in batch] == keys


def test_five_samples_in_batches_of_eight_are_one_batch_in_all_modes():
    for mode in PipelineMode:
        with pipeline(numbers(5), mode=mode, batch_size=8).generate_input_batches() as batches:
            assert [len(batch[-1]["meta"]) for batch in batches] == [5]


def test_buckets_need_a_length():
    toy = pipeline(numbers(2), bucket_boundaries=[3])

    with pytest.raises(NotImplementedError, match="ToyData does not say how long a sample is"):
        toy.generate_input_batches()


def test_post_processing_runs_in_a_block():
    toy = pipeline([], mode=EVALUATION, post_proc=[AddParams(amount=10)])

    with toy.process_output(numbers(2)) as samples:
        assert x(samples) == [10, 11]
    assert x(toy.create_output_pipeline().apply(numbers(2))) == [10, 11]


def test_to_mode_shares_all_but_the_mode():
    toy = pipeline(numbers(2), AddParams(), batch_size=3)

    other = toy.to_mode(EVALUATION)

    assert (other.mode, other.pipeline_params.mode, toy.pipeline_params.mode) == (
        EVALUATION,
        EVALUATION,
        TRAINING,
    )
    assert other.pipeline_params.batch_size == 3
    assert other.data is toy.data
    assert other.generator_params is toy.generator_params
    assert other._input_processors is toy._input_processors is toy.data.params.pre_proc


def test_a_pipeline_of_its_own_class_stays_one():
    toy = OwnPipeline(DataPipelineParams(), ToyData(ToyDataParams()), ToyGeneratorParams())

    other = toy.to_mode(EVALUATION)

    assert type(other) is OwnPipeline
    assert samples_of(other) == [0, 1]


def test_processors_that_are_erased_later_are_gone():
    toy = pipeline(numbers(2), AddParams(), NoiseParams())

    toy.data.params.pre_proc.erase_all(NoiseParams)
    toy.data.params.pre_proc.replace_all(AddParams, AddParams(amount=5))

    assert samples_of(toy) == [5, 6]


def test_preloaded_samples_are_processed_as_far_as_allowed():
    toy = pipeline(
        numbers(3),
        AddParams(amount=1),
        AddParams(amount=100, modes={EVALUATION}),
        DropParams(numbers=[1]),
        LateParams(amount=10),
        NoiseParams(),
        limit=1,
    )

    raw = toy.as_preloaded(progress_bar=False)

    assert type(raw) is RawDataPipeline
    assert x(raw.samples) == [1, 3]
    assert raw._input_processors.flatten_processors() == [LateParams(amount=10), NoiseParams()]
    assert len(toy.data.params.pre_proc.processors) == 5
    assert len(raw.generate_input_samples()) == 1


def test_a_preloaded_pipeline_is_preloaded_further():
    late = LateParams(amount=10)
    first = pipeline(numbers(2), AddParams(), late, mode=EVALUATION).as_preloaded(progress_bar=False)
    Add.applied = 0

    late.ready = True
    second = first.as_preloaded(progress_bar=False)

    assert x(second.samples) == samples_of(second) == [11, 12]
    assert samples_of(first) == [11, 12]
    assert second._input_processors.flatten_processors() == []


def test_preloading_may_multiply_samples():
    assert x(pipeline(numbers(2), TwiceParams()).preload_input_samples(progress_bar=False)) == [1, 1, 2, 2]
    assert x(pipeline(numbers(2), RepeatParams()).preload_input_samples(progress_bar=False)) == [
        0,
        0.5,
        1,
        1.5,
    ]


def test_preloading_an_endless_generator_takes_as_many_samples_as_it_says():
    endless = pipeline(lambda mode: EndlessGenerator(mode, DataGeneratorParams()))

    assert len(endless.preload_input_samples(progress_bar=False)) == 5


def test_preloading_needs_a_flat_list_and_single_samples():
    toy = pipeline(numbers(2))
    toy._input_processors = ComposedProcessorPipelineParams()

    with pytest.raises(TypeError, match="needs a flat list of processors, `pre_proc` is Composed"):
        toy.as_preloaded()
    lists = pipeline(lambda mode: ToyGenerator(numbers(3), mode, batch_size=2))
    with pytest.raises(
        UsageError, match=r"yields batches, which cannot be preloaded.*--trainer\.preload_data"
    ):
        lists.as_preloaded()


def test_preloaded_targets_may_be_text():
    samples = [Sample(inputs=None, targets="abc", meta={"id": 1})]

    raw = pipeline(samples, mode=PipelineMode.TARGETS).as_preloaded(progress_bar=False)

    assert [s.targets for s in raw.samples] == ["abc"]
    assert len(raw.create_data_generator()) == 1


def test_samples_in_memory_may_be_exchanged_and_used_in_another_mode():
    raw = RawDataPipeline(
        numbers(2),
        pipeline_params=DataPipelineParams(),
        data_base=ToyData(ToyDataParams()),
        generator_params=ToyGeneratorParams(),
        input_processors=None,
        output_processors=None,
    )

    raw.samples = [sample(7)]

    assert samples_of(raw.to_mode(EVALUATION)) == [7]


def test_flat_input_processors_are_created_for_the_mode():
    toy = pipeline([], AddParams(amount=2), AddParams(modes={EVALUATION}))

    assert [p.params for p in toy.flat_input_processors()] == [AddParams(amount=2)]


def test_numpy_batches_do_not_load_tensorflow():
    import subprocess

    code = (
        "import sys; from tests.data.toy import *\n"
        "values(pipeline(numbers(3), AddParams()).generate_input_batches())\n"
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_batches_of_samples_with_arrays_of_other_dtypes():
    toy = pipeline([Sample(inputs={"x": np.array([3], ">i8")}, targets={"y": [True]})], mode=EVALUATION)

    assert values(toy.generate_input_batches()) == [[3]]
