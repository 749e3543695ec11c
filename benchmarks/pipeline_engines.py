"""The cases and the engines that `pipeline.py` compares: ours, and how one would do the same with others."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from paiargparse import pai_dataclass

from tfaip.data.data import DataBase
from tfaip.data.databaseparams import DataBaseParams, DataGeneratorParams, DataPipelineParams
from tfaip.data.pipeline.datagenerator import DataGenerator
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import Sample
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams, MappingDataProcessor
from tfaip.data.pipeline.processor.params import SequentialProcessorPipelineParams
from tfaip.data.specs import TensorSpec
from tfaip.scenario.listfile.params import ListsFileGeneratorParams

ENDLESS = 100_000_000  # samples
_IMAGES = np.random.RandomState(0).randint(0, 255, (1024, 28, 28), np.uint8)
_FLOATS = np.random.RandomState(0).random((256, 256)).astype("float32")

Batch = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """What is done for a sample, how many are a batch, and what they look like."""

    title: str
    work: Callable[[int], np.ndarray]
    batch_size: int
    shape: tuple[int | None, ...]
    dtype: str


def python_only(index: int) -> np.ndarray:
    """Compute for about 3 ms in plain Python."""
    total = index
    for number in range(40_000):
        total = (total + number * 7) & 0xFFFF
    return np.full(32, total, "float32")


def numpy_only(index: int) -> np.ndarray:
    """Compute for about 2 ms on 256 x 256 floats."""
    values = _FLOATS + np.float32(index % 7)
    for _ in range(6):
        values = np.sqrt(np.exp(-values) + values * values)
    return values


def nothing(index: int) -> np.ndarray:
    """Take an image as it is."""
    return _IMAGES[index % len(_IMAGES)]


def large(index: int) -> np.ndarray:
    """Make an array of 8 MiB."""
    return np.full((1024, 2048), index % 7, "float32")


def ragged(index: int) -> np.ndarray:
    """Make a sequence of 100 to 400 steps."""
    return np.full((100 + (index * 37) % 301, 32), index % 7, "float32")


CASES = {
    "a": Case("pure Python, about 3 ms", python_only, 16, (32,), "float32"),
    "b": Case("NumPy on 256 x 256 floats, about 2 ms", numpy_only, 16, (256, 256), "float32"),
    "c": Case("nothing, 28 x 28 bytes", nothing, 64, (28, 28), "uint8"),
    "d": Case("arrays of 8 MiB", large, 4, (1024, 2048), "float32"),
    "e": Case("ragged sequences, padded", ragged, 16, (None, 32), "float32"),
}


# Ours


@pai_dataclass
@dataclass
class WorkParams(DataProcessorParams):
    """Which case it is."""

    case: str = "a"

    @staticmethod
    def cls() -> Any:
        """Return the processor."""
        return Work


class Work(MappingDataProcessor[WorkParams]):
    """Does the work of a case; an image comes from the generator and is passed on."""

    def apply(self, sample: Sample) -> Sample:
        """Return the sample with the result of the work."""
        if self.params.case == "c":
            return sample
        return sample.new_inputs({"x": CASES[self.params.case].work(int(sample.inputs["n"]))})


@pai_dataclass
@dataclass
class DataParams(DataBaseParams):
    """Which case it is."""

    case: str = "a"

    @staticmethod
    def cls() -> Any:
        """Return the data."""
        return Data


class Data(DataBase[DataParams]):
    """One input, one target."""

    def _input_layer_specs(self) -> dict[str, TensorSpec]:
        case = CASES[self.params.case]
        return {"x": TensorSpec(case.shape, case.dtype)}

    def _target_layer_specs(self) -> dict[str, TensorSpec]:
        return {"y": TensorSpec((1,), "int32")}


@pai_dataclass
@dataclass
class NumbersParams(DataGeneratorParams):
    """Which case it is."""

    case: str = "a"

    @staticmethod
    def cls() -> Any:
        """Return the generator."""
        return Numbers


class Numbers(DataGenerator[NumbersParams]):
    """Yields numbers, in the case of images these."""

    def __len__(self) -> int:
        return ENDLESS

    def generate(self) -> Iterator[Sample]:
        """Yield the samples."""
        targets = {"y": np.zeros(1, "int32")}
        for index in range(ENDLESS):
            inputs = {"x": nothing(index)} if self.params.case == "c" else {"n": index}
            yield Sample(inputs=inputs, targets=targets, meta={"id": index})


def our_pipeline(name: str, num_processes: int) -> DataPipeline[Any]:
    """Return the pipeline of a case; 0 processes run it in this one."""
    processors = SequentialProcessorPipelineParams(
        run_parallel=num_processes > 0, processors=[WorkParams(case=name)]
    )
    params = DataPipelineParams(batch_size=CASES[name].batch_size, num_processes=max(1, num_processes))
    return DataPipeline(params, Data(DataParams(case=name, pre_proc=processors)), NumbersParams(case=name))


@contextmanager
def ours(
    name: str, num_processes: int, *, as_tensors: bool, random_seed: int | None = None
) -> Iterator[Iterable[Any]]:
    """Give batches of tfaip."""
    pipeline = our_pipeline(name, num_processes)
    stream = pipeline.batch_stream(auto_repeat=True, random_seed=random_seed)
    with stream as batches:
        yield pipeline.dataset_of_stream(stream) if as_tensors else batches


# Others


class Indexed:
    """A data set for those that ask for samples by index."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __len__(self) -> int:
        return ENDLESS

    def __getitem__(self, index: int) -> Batch:
        return {"x": CASES[self.name].work(index), "y": np.zeros(1, "int32")}


def stacked(samples: list[Batch]) -> Batch:
    """Return one batch; sequences are padded."""
    arrays = [sample["x"] for sample in samples]
    longest = max(map(len, arrays))
    if all(len(array) == longest for array in arrays):
        return {"x": np.stack(arrays), "y": np.stack([sample["y"] for sample in samples])}
    padded = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return {"x": padded, "y": np.stack([sample["y"] for sample in samples])}


def torch_collated(samples: list[Batch]) -> Any:
    """Return a padded batch of torch tensors."""
    import torch  # pyright: ignore[reportMissingImports]

    return {key: torch.from_numpy(value) for key, value in stacked(samples).items()}


@contextmanager
def torch_batches(name: str, num_processes: int, *, as_tensors: bool) -> Iterator[Iterable[Any]]:
    """Give batches of the DataLoader."""
    import torch.utils.data as data  # pyright: ignore[reportMissingImports]

    loader = data.DataLoader(
        Indexed(name),
        batch_size=CASES[name].batch_size,
        num_workers=num_processes,
        collate_fn=torch_collated if name == "e" else None,
        # After TensorFlow was loaded a process must not be forked.
        multiprocessing_context="spawn" if as_tensors and num_processes else None,
    )
    batches = ({key: value.numpy() for key, value in batch.items()} for batch in loader)
    yield dataset(name, batches) if as_tensors else batches


@contextmanager
def grain_batches(name: str, num_processes: int, *, as_tensors: bool) -> Iterator[Iterable[Any]]:
    """Give batches of grain."""
    import grain  # pyright: ignore[reportMissingImports]

    batched = grain.MapDataset.source(Indexed(name)).batch(
        CASES[name].batch_size, batch_fn=stacked if name == "e" else None
    )
    batches: Any = batched.to_iter_dataset(grain.ReadOptions(num_threads=0 if num_processes else 16))
    if num_processes:
        batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=num_processes))
    iterator = iter(batches)
    try:
        yield dataset(name, iterator) if as_tensors else iterator
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


@contextmanager
def pool_batches(name: str, num_processes: int, *, as_tensors: bool) -> Iterator[Iterable[Any]]:
    """Give batches of `multiprocessing.Pool.imap`."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(num_processes) as pool:
        is_over = threading.Event()
        may_read = threading.Semaphore(4 * num_processes)  # it would read ahead without bound
        samples = pool.imap(partial(_samples_of_batch, name), _numbers(may_read, is_over))
        batches = _stacked_batches(samples, may_read, is_over)
        try:
            yield dataset(name, batches) if as_tensors else batches
        finally:
            is_over.set()
            may_read.release()  # its thread may wait


def _samples_of_batch(name: str, number: int) -> list[Batch]:
    data, size = Indexed(name), CASES[name].batch_size
    return [data[index] for index in range(number * size, (number + 1) * size)]


def _numbers(may_read: threading.Semaphore, is_over: threading.Event) -> Iterator[int]:
    for number in count():
        may_read.acquire()
        if is_over.is_set():
            return
        yield number


def _stacked_batches(
    samples: Any, may_read: threading.Semaphore, is_over: threading.Event
) -> Iterator[Batch]:
    while not is_over.is_set():
        with suppress(multiprocessing.TimeoutError):
            batch = stacked(samples.next(timeout=1))
            may_read.release()
            yield batch


ENGINES: dict[str, Callable[..., Any]] = {
    "tfaip": ours,
    "tfaip, seeded": partial(ours, random_seed=1),
    "torch": torch_batches,
    "grain": grain_batches,
    "imap": pool_batches,
}


def dataset(name: str, batches: Iterable[Batch]) -> Any:
    """Return a `tf.data.Dataset` of batches."""
    import tensorflow as tf

    case = CASES[name]
    signature = {
        "x": tf.TensorSpec((None, *case.shape), case.dtype),
        "y": tf.TensorSpec((None, 1), "int32"),
    }
    return tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature).prefetch(8)


def measure(
    engine: str, name: str, num_processes: int, *, as_tensors: bool, seconds: float
) -> tuple[float, float]:
    """Return the samples per second, and the processor time of a sample in microseconds, over all processes.

    The clocks start with the second batch, after a while in which what is read ahead is made.
    """
    size = CASES[name].batch_size
    with ENGINES[engine](name, num_processes, as_tensors=as_tensors) as batches:
        source = iter(batches)
        next(source)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            next(source)
        started, used = time.perf_counter(), processor_seconds()
        for number, _ in enumerate(source, start=1):
            elapsed = time.perf_counter() - started
            if elapsed >= seconds:
                return number * size / elapsed, (processor_seconds() - used) / (number * size) * 1e6
    raise RuntimeError(f"{engine} ended early")


def processor_seconds() -> float:
    """Return the processor time that this process and its children took so far."""
    times = os.times()
    ticks = 0
    for path in Path("/proc/self/task").glob("*/children"):
        for pid in path.read_text().split():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    ended = times.children_user + times.children_system
    return times.user + times.system + ended + ticks / os.sysconf("SC_CLK_TCK")


def first_batch_seconds(num_processes: int) -> float:
    """Return the time from the creation of our pipeline to its first batch."""
    started = time.perf_counter()
    with closing(our_pipeline("c", num_processes).batch_stream(auto_repeat=True, random_seed=1)) as stream:
        next(iter(stream))
        return time.perf_counter() - started


# A list of names


@pai_dataclass
@dataclass
class NameParams(DataProcessorParams):
    """No switches."""

    @staticmethod
    def cls() -> Any:
        """Return the processor."""
        return Name


class Name(MappingDataProcessor[NameParams]):
    """Takes the length of a name as the image, so that no file is needed."""

    def apply(self, sample: Sample) -> Sample:
        """Return the sample with arrays."""
        length = len(sample.inputs)
        image = {"x": np.full((28, 28), length, "uint8")}
        return sample.new_inputs(image).new_targets({"y": np.array([length], "int32")})


def pipeline_of_names(path: str) -> DataPipeline[Any]:
    """Return a pipeline of the names in a list file, with two workers."""
    processors = SequentialProcessorPipelineParams(processors=[NameParams()])
    data = Data(DataParams(case="c", pre_proc=processors))
    generator = ListsFileGeneratorParams(lists=[path], check_files=False)
    return DataPipeline(DataPipelineParams(batch_size=64, num_processes=2), data, generator)
