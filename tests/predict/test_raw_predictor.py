import threading
import time

import numpy as np
import pytest

from tests.predict.toys import CREATED, PoisonParams, SumParams, inputs, toy_predictor
from tfaip.errors import DataError


def test_inputs_are_predicted_one_at_a_time():
    with toy_predictor(post=[SumParams()]).raw() as call:
        samples = [call(x) for x in inputs(3)]

    assert [s.outputs["sum"] for s in samples] == [0, 6, 12]
    assert [s.outputs["rows"][0] for s in samples] == [1, 1, 1]
    assert samples[1].inputs["x"].tolist() == [1, 1, 1]
    assert (samples[1].targets, samples[1].meta) == ({}, {"summed": 1})


def test_the_same_comes_out_as_of_many():
    predictor = toy_predictor(pre=[PoisonParams()], post=[SumParams()])

    with predictor.raw() as call:
        single = [call(x).outputs["sum"] for x in inputs(5)]

    assert single == [s.outputs["sum"] for s in predictor.predict_raw(inputs(5))]


def test_processors_are_created_once():
    predictor = toy_predictor(pre=[PoisonParams()])
    CREATED.clear()

    with predictor.raw() as call:
        for x in inputs(10):
            call(x)

    assert len(CREATED) == 1


def test_an_error_is_raised_in_its_own_call_and_later_calls_work():
    with toy_predictor(pre=[PoisonParams(raises=1, drops=2)]).raw() as call:
        ok, poison, dropped, fine = inputs(4)
        assert call(ok).outputs["y"][0] == 0
        with pytest.raises(DataError, match="`Poison` failed at sample 0 with ValueError: poison"):
            call(poison)
        with pytest.raises(DataError, match="`pre_proc` dropped the sample"):
            call(dropped)
        with pytest.raises(DataError, match="`x` in the inputs"):
            call({"x": np.zeros(4, "float32")})
        assert call(fine).outputs["y"][0] == 6


@pytest.mark.nightly
def test_100_000_calls_with_poison_now_and_then_are_answered_each_on_its_own():
    seconds, failed = [], []
    with toy_predictor(pre=[PoisonParams(raises=1)]).raw() as call:
        threads = threading.active_count()
        for number in range(100_000):
            value = np.full(3, number % 1000 == 999, "float32")
            started = time.perf_counter()
            try:
                call({"x": value})
            except DataError:
                failed.append(number)
            seconds.append(time.perf_counter() - started)
        assert threading.active_count() <= threads
    early, late = (np.quantile(part, 0.99) for part in (seconds[1000:20_000], seconds[80_000:]))

    assert failed == list(range(999, 100_000, 1000))
    assert late < 3 * early


def test_no_thread_is_left():
    before = threading.active_count()

    with toy_predictor().raw() as call:
        call(inputs(1)[0])

        assert threading.active_count() == before


def test_threads_take_turns():
    results = {}

    with toy_predictor(post=[SumParams()]).raw() as call:

        def work(first):
            for x in inputs(50, first=first):
                results[x["x"][0]] = call(x).outputs["sum"]

        workers = [threading.Thread(target=work, args=(first,)) for first in (0, 50, 100)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    assert results == {float(i): 6.0 * i for i in range(150)}


def test_the_predictor_is_at_hand():
    predictor = toy_predictor()

    assert predictor.raw().predictor is predictor
    with predictor.raw() as call:
        call(inputs(1)[0])
    assert predictor.benchmark_results.n_samples == 1
