"""What goes wrong with the data ends with workers as it does without: soon, with an error that names it."""

import logging
import os
import random
import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from paiargparse import pai_dataclass

from tests.data.toy import (
    AddParams,
    DropParams,
    FailingGenerator,
    FailParams,
    RepeatParams,
    SwallowParams,
    ToyGenerator,
    numbers,
    pipeline,
    sample,
    values,
)
from tests.workers.jobs import Footprint, children
from tfaip.data.databaseparams import DataGeneratorParams, NonFinite, OnError
from tfaip.data.pipeline import passes
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.processor.dataprocessor import (
    DataProcessorParams,
    GeneratingDataProcessor,
    MappingDataProcessor,
)
from tfaip.data.specs import TensorSpec
from tfaip.errors import DataError, UsageError


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch):
    monkeypatch.setattr(passes, "_PARKING_SECONDS", 0.1)
    footprint = Footprint()
    yield
    assert not footprint.left_behind()


@pai_dataclass
@dataclass
class EndParams(DataProcessorParams):
    how: str = ""
    number: int = 5
    secret: Any = None

    @staticmethod
    def cls() -> Any:
        return End


class End(MappingDataProcessor[EndParams]):
    """Ends the process at one `y`, or sleeps for ever."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.params.how == "start":
            raise FileNotFoundError("the dictionary is missing")

    def apply(self, sample: Sample) -> Sample:
        if sample.targets["y"][0] == self.params.number:
            if self.params.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.params.how == "exit":
                os._exit(7)
            if self.params.how == "hang":
                time.sleep(600)
        return sample


@pai_dataclass
@dataclass
class GeneratingEndParams(EndParams):
    @staticmethod
    def cls() -> Any:
        return GeneratingEnd


class GeneratingEnd(GeneratingDataProcessor[GeneratingEndParams]):
    """The same, for the samples that it takes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._end = End(self.params, self.data_params, self.mode)

    def generate(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        return map(self._end.apply, samples)


@pai_dataclass
@dataclass
class LateParams(DataProcessorParams):
    @staticmethod
    def cls() -> Any:
        return Late


class Late(MappingDataProcessor[LateParams]):
    """Takes up to 20 ms."""

    def apply(self, sample: Sample) -> Sample:
        time.sleep(random.Random(int(sample.targets["y"][0])).random() / 50)
        return sample


@pai_dataclass
@dataclass
class GiveParams(DataProcessorParams):
    """A sample that is given in the place of number 5."""

    changes: Any = None

    @staticmethod
    def cls() -> Any:
        return Give


class Give(MappingDataProcessor[GiveParams]):
    def apply(self, sample: Sample) -> Sample:
        if sample.targets["y"][0] != 5:
            return sample
        inputs = {key: value for key, value in sample.inputs.items() if key not in self.params.changes}
        return sample.new_inputs({**inputs, **{k: v for k, v in self.params.changes.items() if v is not ...}})


def named(count):
    return [sample(n, id=f"s{n}") for n in range(count)]


def parallel(samples, *processors, num_workers=2, **kwargs):
    return pipeline(
        samples, *processors, run_parallel=num_workers > 0, num_processes=max(1, num_workers), **kwargs
    )


def read_all(p, auto_repeat=False, random_seed=None):
    with p.batch_stream(auto_repeat=auto_repeat, random_seed=random_seed) as batches:
        return values(batches)


WORKER = r"worker \d \(pid \d+\)"


@pytest.mark.parametrize("processors", [(FailParams(number=9),), (RepeatParams(), FailParams(number=9))])
def test_an_error_of_a_processor_names_it_the_sample_and_the_worker(processors, caplog):
    message = rf"`Fail` failed at sample .*`s9`.* with ZeroDivisionError: nothing to divide by.*{WORKER}"
    with pytest.raises(DataError, match=message):
        read_all(parallel(named(30), *processors, batch_size=2))

    assert "in apply" in caplog.text
    assert "raise ZeroDivisionError" in caplog.text


def test_batches_before_an_error_are_delivered():
    found = []
    with (
        parallel(numbers(30), FailParams(number=9), batch_size=4).batch_stream(auto_repeat=False) as batches,
        pytest.raises(DataError),
    ):
        found.extend(float(batch[0]["x"][0, 0]) for batch in batches)

    assert found == [0, 4]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("kill", rf"{WORKER} of `End` killed by signal 9, often out of memory; sample .*`s5`"),
        ("exit", rf"{WORKER} of `End` ended with exit code 7; sample .*`s5`"),
        ("start", r"`EndParams` could not be created: FileNotFoundError: the dictionary is missing"),
        ("hang", rf"{WORKER} of `End` made no progress for \d+ s; sample .*`s5`.*worker_timeout"),
    ],
)
def test_a_worker_that_ends_or_hangs_is_an_error_soon(how, message):
    started = time.monotonic()
    with pytest.raises(DataError, match=message):
        read_all(parallel(named(30), EndParams(how=how), batch_size=2, worker_timeout=3))
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("how", ["kill", "hang"])
def test_the_worker_of_a_generating_processor_likewise(how):
    with pytest.raises(DataError, match=rf"{WORKER} of `GeneratingEnd` .*`s5`"):
        read_all(parallel(named(30), GeneratingEndParams(how=how), batch_size=2, worker_timeout=3))


@pytest.mark.parametrize("value", [lambda: 1, threading.Lock()])
def test_params_that_cannot_be_sent_are_named_before_a_worker_starts(value):
    p = parallel(numbers(5), EndParams(secret=value))
    with pytest.raises(UsageError, match=r"`EndParams.secret` cannot be sent to worker processes"):
        read_all(p)
    assert not children()


@pytest.mark.parametrize(
    "processors", [(), (AddParams(),), (RepeatParams(),), (AddParams(), SwallowParams())]
)
def test_an_error_of_the_generator_names_its_index(processors):
    p = parallel(lambda mode: FailingGenerator(mode, DataGeneratorParams()), *processors, batch_size=4)
    with pytest.raises(DataError, match="failed at sample 57 with OSError: the disk is gone"):
        read_all(p)


@pytest.mark.parametrize("mode", [PipelineMode.TRAINING, PipelineMode.EVALUATION, PipelineMode.PREDICTION])
def test_a_generator_that_promises_too_much_is_reported_once(mode, caplog):
    p = parallel(lambda mode: ToyGenerator(numbers(20), mode, promised=100), AddParams(), mode=mode)
    assert sum(map(len, read_all(p))) == 20
    assert [r.getMessage()[:50] for r in caplog.records] == [
        "The generator ToyGenerator yielded 20 of 100 sampl"
    ]


def test_a_generator_that_promises_too_little_is_used_whole():
    p = parallel(lambda mode: ToyGenerator(numbers(20), mode, promised=3), AddParams())
    assert sum(map(len, read_all(p))) == 20


WRONG = [
    {"x": np.array([3.7])},
    {"x": np.array([10**12])},
    {"x": ["text"]},
    {"x": [None]},
    {"x": np.zeros((2, 2), "int32")},
    {"x": [[1], [2, 3]]},
    {"x": np.int32(3)},
    {"x": ...},
    {"z": np.array([1])},
    {"x": ..., "z": np.array([1])},
]


@pytest.mark.parametrize("changes", WRONG)
def test_a_wrong_value_has_the_message_of_one_process(changes):
    data = {"inputs": {"x": TensorSpec((1,), "int32")}}
    samples = [s.new_inputs({"x": np.array([n], "int32")}) for n, s in enumerate(named(8))]
    messages = []
    for num_workers in (0, 1):
        with pytest.raises(DataError, match="`s5`") as raised:
            read_all(parallel(samples, GiveParams(changes=changes), data=data, num_workers=num_workers))
        messages.append(str(raised.value))

    assert re.sub(rf" \(in {WORKER}\)$", "", messages[1]) == messages[0]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_values_that_are_not_finite_are_counted_and_named(num_workers, caplog):
    p = parallel(
        named(12), GiveParams(changes={"x": np.array([np.nan])}), batch_size=4, num_workers=num_workers
    )
    assert len(read_all(p)) == 3

    assert "1 arrays of samples held NaN or infinity so far: `x` in the inputs of sample" in caplog.text
    assert "`s5`" in caplog.text


@pytest.mark.parametrize("num_workers", [0, 2])
def test_values_that_are_not_finite_can_be_refused(num_workers):
    changes = {"x": np.array([np.inf])}
    p = parallel(named(12), GiveParams(changes=changes), num_workers=num_workers, non_finite=NonFinite.RAISE)
    with pytest.raises(DataError, match=r"`x` in the inputs of .*`s5`.* holds NaN or infinity"):
        read_all(p)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_failing_samples_are_skipped_up_to_a_limit(num_workers, caplog):
    def skipping(limit):
        how = {"on_error": OnError.SKIP, "on_error_limit": limit, "batch_size": 3}
        return parallel(named(20), FailParams(number=7), num_workers=num_workers, **how)

    assert [x for batch in read_all(skipping(0.1)) for x in batch] == [n for n in range(20) if n != 7]
    assert "Skipped 1 of 20 samples because of errors: " in caplog.text
    assert "`s7`" in caplog.text

    with pytest.raises(
        DataError, match=r"1 of the 20 samples of a pass failed, more than the tolerated 1.00%"
    ):
        read_all(skipping(0.01))


@pytest.mark.parametrize("mode", [PipelineMode.TRAINING, PipelineMode.EVALUATION, PipelineMode.PREDICTION])
def test_five_samples_are_one_batch_of_eight(mode):
    assert read_all(parallel(numbers(5), AddParams(), mode=mode, batch_size=8)) == [[1, 2, 3, 4, 5]]


def test_a_remainder_can_be_dropped_in_training():
    p = parallel(numbers(5), AddParams(), batch_size=4, batch_drop_remainder=True)
    assert read_all(p) == [[1, 2, 3, 4]]


def test_no_samples_give_no_batch_and_start_no_process():
    assert read_all(parallel([], AddParams())) == []


@pytest.mark.parametrize(
    "processors", [(DropParams(),), (DropParams(), RepeatParams()), (RepeatParams(), DropParams())]
)
def test_repeating_a_pass_that_gives_nothing_is_an_error(processors):
    with pytest.raises(DataError, match="no valid sample in a full pass"):
        read_all(parallel(numbers(5), *processors), auto_repeat=True)


@pytest.mark.parametrize("processors", [(LateParams(),), (RepeatParams(), LateParams())])
def test_delays_do_not_change_the_order(processors):
    expected = read_all(parallel(numbers(40), *processors, num_workers=0))

    assert read_all(parallel(numbers(40), *processors, num_workers=4, batch_size=16)) == expected


@pytest.mark.parametrize("processors", [(AddParams(),), (RepeatParams(), AddParams())])
@pytest.mark.parametrize("leave", ["break", "error", "forget"])
def test_leaving_early_ends_the_workers(processors, leave):
    p = parallel(numbers(1000), *processors, batch_size=2)
    if leave == "forget":
        iterator = iter(p.batch_stream(auto_repeat=True))
        next(iterator)
        return
    try:
        with p.generate_input_batches(auto_repeat=True) as batches:
            for number, _ in enumerate(batches):
                if number == 3 and leave == "error":
                    {}["the train step"]
                if number == 3:
                    break
    except KeyError:
        pass


def test_samples_and_post_processing_run_in_workers_too():
    p = parallel(numbers(20), AddParams(), post_proc=[AddParams(amount=10)], limit=7)
    with p.generate_input_samples() as samples, p.process_output(samples) as processed:
        assert [float(s.inputs["x"][0]) for s in processed] == [n + 11 for n in range(7)]

    with p.generate_input_samples() as samples:
        next(iter(samples))  # the others are not asked for


@pai_dataclass
@dataclass
class WhereParams(DataProcessorParams):
    @staticmethod
    def cls() -> Any:
        return Where


class Where(MappingDataProcessor[WhereParams]):
    """Says in which process it runs; holds what cannot be sent to another."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lock = threading.Lock()

    def apply(self, sample: Sample) -> Sample:
        return sample.new_meta({"pid": os.getpid()})


@pytest.mark.parametrize("num_workers", [0, 2])
def test_preloading_uses_processes_that_create_the_processors(num_workers):
    preloaded = parallel(numbers(20), AddParams(), WhereParams(), num_workers=num_workers).as_preloaded(False)

    assert [float(s.inputs["x"][0]) for s in preloaded.samples] == [n + 1 for n in range(20)]
    assert (os.getpid() in {s.meta["pid"] for s in preloaded.samples}) is (num_workers == 0)


@pytest.mark.parametrize("run_parallel", [None, True, False])
def test_apply_stand_alone_runs_where_it_is_told(run_parallel):
    processors = parallel(numbers(3), AddParams(), RepeatParams())._input_processors
    created = processors.create(pipeline(numbers(3)).pipeline_params, None)
    before = children()
    samples = created.apply(numbers(30), run_parallel=run_parallel)
    first = next(samples)

    assert bool(children() - before) is (run_parallel is not False)
    assert [float(s.inputs["x"][0]) for s in [first, *samples]][:4] == [1, 1.5, 2, 2.5]


@pytest.mark.parametrize("repeats", [2, pytest.param(50, marks=pytest.mark.nightly)])
def test_several_pipelines_are_alive_at_once(repeats):
    for _ in range(repeats):
        pipelines = [
            parallel(numbers(40), AddParams(amount=n), batch_size=4, num_workers=1) for n in range(3)
        ]
        streams = [p.batch_stream(auto_repeat=True, random_seed=1) for p in pipelines]
        readers = [iter(stream) for stream in streams]
        for number in range(12):
            for amount, reader in enumerate(readers):
                assert float(next(reader)[0]["x"][0, 0]) == number * 4 % 40 + amount
        for stream in streams:
            stream.close()


@pytest.mark.nightly
def test_a_worker_that_leaks_is_replaced_and_no_sample_is_lost(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    expected = read_all(parallel(numbers(2000), LeakParams(), num_workers=0))
    found = []
    most = 0
    with parallel(numbers(2000), LeakParams(leaks=True)).batch_stream(auto_repeat=False) as batches:
        for batch in batches:
            found += values([batch])
            most = max(most, sum(map(resident_bytes, children())))

    assert found == expected
    assert most < 6 << 30  # 2 workers that keep up to 250 samples each; 20 GB were leaked in all
    assert caplog.text.count("is replaced (`max_tasks_per_process`)") == 1


def resident_bytes(process_id):
    try:
        with open(f"/proc/{process_id}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


LEAKED = []


@pai_dataclass
@dataclass
class LeakParams(DataProcessorParams):
    leaks: bool = False

    @staticmethod
    def cls() -> Any:
        return Leak


class Leak(MappingDataProcessor[LeakParams]):
    """Keeps 10 MB of each sample."""

    def apply(self, sample: Sample) -> Sample:
        if self.params.leaks:
            LEAKED.append(np.ones(10_000_000, np.uint8))
            time.sleep(0.02)
        return sample
