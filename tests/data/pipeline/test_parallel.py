"""Pipelines with workers give what they give without them, bit for bit."""

import random
import time
from contextlib import closing
from itertools import product

import numpy as np
import pytest

from tests.data.toy import (
    AddParams,
    DrawingGenerator,
    DropParams,
    NoiseParams,
    RepeatParams,
    ToyGenerator,
    numbers,
    pipeline,
    sample,
    shuffling,
)
from tests.workers.jobs import Footprint
from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline import passes
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.specs import TensorSpec
from tfaip.workers import pool as pool_module


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch):
    monkeypatch.setattr(passes, "_PARKING_SECONDS", 0.1)
    footprint = Footprint()
    yield
    assert not footprint.left_behind()


@pytest.fixture
def eager_renewal(monkeypatch):
    """Renew workers as often as asked, however long that takes."""
    monkeypatch.setattr(pool_module, "_RENEWAL_SHARE", float("inf"))


def bits(batch):
    """Return all values of a batch, with names, dtypes and shapes."""
    return [
        (
            number,
            key,
            array.dtype.str,
            array.shape,
            array.tolist() if array.dtype == object else array.tobytes(),
        )
        for number, part in enumerate(batch)
        for key, array in part.items()
    ]


def read(pipeline, limit=None, *, random_seed: int | None = 7, auto_repeat=True, start=None, positions=()):
    """Return the bits of some batches, and the positions after some of them."""
    kwargs = {} if start is None else {"start": start}
    stream = pipeline.batch_stream(auto_repeat=auto_repeat, random_seed=random_seed, **kwargs)
    found = []
    with stream as batches:
        for batch in batches:
            found.append(bits(batch))
            if len(found) == limit:
                break
        return found, [stream.position_after(number) for number in positions]


def lists_of(count, size):
    return lambda mode: ToyGenerator(numbers(count), mode, batch_size=size)


def ragged(count):
    lengths = [3 + (7 * n) % 5 for n in range(count)]
    return [
        sample(n, id=f"ä{n}").new_inputs({"x": np.arange(n, n + length, dtype="float32"), "text": [f"é{n}"]})
        for n, length in enumerate(lengths)
    ]


RAGGED = {"data": {"inputs": {"x": TensorSpec((None,), "float32"), "text": TensorSpec((1,), "string")}}}
NOISE, REPEAT = NoiseParams(), RepeatParams(noisy=True)
SPECS = {
    "mapping": ((numbers(23), NOISE, AddParams()), {}),
    "large batches": ((numbers(230), NOISE), {"batch_size": 100}),
    "dropping": ((numbers(23), NOISE, DropParams(numbers=[0, 3, 4, 5, 6, 22])), {}),
    "padding": ((ragged(23), DropParams(numbers=[2, 9])), RAGGED),
    "shuffling": ((shuffling(23), NOISE), {}),
    "shuffle buffer": ((numbers(23), NOISE), {"shuffle_buffer_size": 8}),
    "generating": ((numbers(23), REPEAT), {}),
    "all": ((shuffling(23), NOISE, REPEAT, DropParams(numbers=[4]), REPEAT, NOISE), {}),
    "lists": ((lists_of(23, 4), NOISE, DropParams(numbers=[8, 9, 10, 11])), {}),
    "drawing": ((lambda mode: DrawingGenerator(mode, DataGeneratorParams()), NOISE), {}),
}

ENDS = ("mapping", "all")  # the simplest and the most complicated


def made(name, num_workers, **kwargs):
    args, named = SPECS[name]
    how = {"run_parallel": num_workers > 0, "num_processes": max(1, num_workers)}
    return pipeline(*args, **{"batch_size": 4, **named, **how, **kwargs})


@pytest.mark.parametrize(
    ("name", "num_workers"),
    [
        *((name, 2) for name in SPECS),
        *((name, number) for name in ENDS for number in (1, 4)),
        *(
            pytest.param(*pair, marks=pytest.mark.nightly)
            for pair in product(SPECS, (1, 4))
            if pair[0] not in ENDS
        ),
    ],
)
def test_batches_are_those_of_one_process(name, num_workers):
    expected, positions = read(made(name, 0), 40, positions=(0, 7, 13, 40))

    found, same_positions = read(made(name, num_workers), 40, positions=(0, 7, 13, 40))

    assert found == expected
    assert same_positions == positions


@pytest.mark.parametrize("name", ["dropping", "padding", "all", "lists"])
def test_a_resumed_stream_goes_on_bit_for_bit(name):
    expected, positions = read(made(name, 0), 30, positions=range(31))
    number = random.Random(name).randrange(1, 25)

    found, _ = read(made(name, 2), 30 - number, start=positions[number])

    assert found == expected[number:]


@pytest.mark.parametrize("name", ["padding", "all"])
def test_a_single_pass_ends_as_in_one_process(name):
    expected, _ = read(made(name, 0, mode=PipelineMode.EVALUATION), auto_repeat=False)

    found, _ = read(made(name, 2, mode=PipelineMode.EVALUATION), auto_repeat=False)

    assert found == expected


@pytest.mark.parametrize(
    ("name", "num_batches"),
    [("mapping", 200), ("generating", 200), pytest.param("all", 100, marks=pytest.mark.nightly)],
)
def test_renewal_of_workers_changes_nothing(name, num_batches, eager_renewal):
    expected, _ = read(made(name, 0, batch_size=50), num_batches)

    found, _ = read(made(name, 2, batch_size=50, max_tasks_per_process=100), num_batches)

    assert found == expected


@pytest.mark.parametrize("prefetch", [0, 7])
def test_prefetching_changes_nothing(prefetch):
    expected, _ = read(made("mapping", 0), 30)

    p = made("mapping", 2, prefetch=prefetch)
    stream = p.batch_stream(auto_repeat=True, random_seed=7)
    with closing(stream):
        dataset = p.dataset_of_stream(stream).as_numpy_iterator()
        found = [bits(next(dataset)) for _ in range(30)]

    assert found == expected


@pytest.mark.nightly
def test_a_long_sweep_of_everything_ends_and_gives_the_same(eager_renewal):
    rng = random.Random(5)
    end = time.monotonic() + 240
    while time.monotonic() < end:
        name, num_workers = rng.choice(list(SPECS)), rng.choice([1, 2, 4])
        kwargs = {
            "batch_size": rng.choice([1, 3, 16]),
            "max_tasks_per_process": rng.choice([1, 5, 250]),
            "use_shared_memory": rng.random() < 0.7,
        }
        limit = rng.choice([1, 20, 500])
        expected, positions = read(made(name, 0, **kwargs), limit, positions=(limit // 2,))
        start = rng.choice([None, positions[0]])
        if start is not None:
            expected = expected[limit // 2 :]

        found, _ = read(made(name, num_workers, **kwargs), len(expected), start=start)

        assert found == expected, (name, num_workers, kwargs, limit, start)
