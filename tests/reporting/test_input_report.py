import pytest

from tfaip.reporting.child_processes import ChildProcess
from tfaip.reporting.input_costs import Cost, InputCosts, Part
from tfaip.reporting.input_report import TrainingSpeed, advice, report, workers_that_feed
from tfaip.reporting.input_speed import InputSpeed


def costs(generator=0.00001, processor=0.003, batching=0.00002, tensorflow=0.00001):
    parts = {
        "Files": (Part.GENERATOR, generator),
        "Scale": (Part.PROCESSOR, processor / 4),
        "Read": (Part.PROCESSOR, processor * 3 / 4),
        "B": (Part.BATCHING, batching),
        "T": (Part.TENSORFLOW, tensorflow),
    }
    return InputCosts(tuple(Cost(part, name, seconds) for name, (part, seconds) in parts.items()), 100)


def speed(samples_per_second=320.0, workers=0):
    running = tuple(ChildProcess(pid, 50 << 20) for pid in range(workers))
    return InputSpeed(100, 1600, 1600 / samples_per_second, 0.25, running)


def test_a_report_says_where_the_time_goes():
    lines = report(speed(), costs(), cores=4)

    assert lines[:10] == [
        "First batch after 0.25 s.",
        "Then 320.0 samples/s, 20.0 batches/s (1600 samples in 5.0 s).",
        "",
        "Time of a sample                 ms   share",
        "  the generator Files         0.010     0 %",
        "  the processor Scale         0.750    24 %",
        "  the processor Read          2.250    72 %",
        "  the batching                0.020     1 %",
        "  the way into TensorFlow     0.010     0 %",
        "  transport and waiting       0.085     3 %",
    ]
    assert lines[11] == "All of it runs in this process."


def test_a_report_names_workers_with_their_memory_and_transport():
    lines = report(speed(500, workers=2), costs(), cores=4)

    # Two workers have 4 ms for a sample, of which the processors and the batching take 3.02.
    assert "  transport and waiting       0.980    24 %" in lines
    assert "2 worker processes, each with up to 50 MB of its own." in lines


def test_a_report_of_a_training_says_how_long_it_waits():
    lines = report(speed(), costs(), cores=4, training=TrainingSpeed(300, 1200))

    said = "Training: 300.0 samples/s, on batches that are there already 1200.0: it waits for data 75 % of "
    assert f"{said}the time." in lines


def test_a_report_needs_a_second_batch():
    only = InputSpeed(0, 0, 0.0, 3.0)

    assert report(only, costs(), cores=2)[-1].startswith("There was no second batch in the time")


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        (
            costs(generator=0.01),
            "the generator Files, 77 % of the time of a sample. It runs in the main process",
        ),
        (costs(batching=0.01), "the batching, 77 % of the time of a sample. Keep arrays small"),
        (costs(tensorflow=0.01), "the way into TensorFlow, 77 % of the time of a sample. Send less"),
        (costs(), "the processor Read, 74 % of the time of a sample. `--with_train_step` tells"),
    ],
)
def test_advice_names_what_bounds_the_pipeline(costs, expected):
    assert advice(speed(), costs, cores=2).startswith(f"Bound by {expected}")


def test_advice_asks_for_processes_as_long_as_there_are_cores():
    assert "--train.num_processes 4`" in advice(speed(), costs(), cores=4)
    assert "num_processes" not in advice(speed(workers=4), costs(), cores=4)
    assert "--trainer.preload_data True" in advice(speed(workers=4), costs(), cores=4)


def test_advice_says_how_many_processes_feed_the_model():
    slow_model, fast_model = TrainingSpeed(300, 1200), TrainingSpeed(300, 12000)

    said = advice(speed(), costs(), cores=8, training=slow_model)
    too_many = advice(speed(), costs(), cores=8, training=fast_model)

    assert "4 processes would feed the model; this machine has 8 cores." in said
    assert "--train.num_processes 4`" in said
    assert "40 processes would feed the model; this machine has 8 cores." in too_many
    assert "--train.num_processes 8`" in too_many


def test_advice_asks_for_no_processes_where_they_gain_nothing():
    said = advice(speed(), costs(processor=0.00004), cores=8, training=TrainingSpeed(300, 1200))

    assert "processes" not in said
    assert "preload_data" in said


def test_advice_brings_quick_processors_back_into_this_process():
    said = advice(speed(workers=2), costs(processor=0.00004), cores=8)

    assert said.endswith("set `--data.pre_proc.run_parallel False`.")


def test_advice_leaves_alone_what_does_not_wait():
    said = advice(speed(), costs(), cores=2, training=TrainingSpeed(990, 1000))

    assert said == "The training does not wait for data: leave the pipeline as it is."


def test_processes_that_feed_a_model_lose_a_tenth_to_transport():
    assert workers_that_feed(1000, 0.0009) == 1
    assert workers_that_feed(1000, 0.00091) == 2
    assert workers_that_feed(1000, 0) == 1


def test_a_training_that_is_faster_than_alone_does_not_wait():
    assert TrainingSpeed(110, 100).waiting == 0
    assert TrainingSpeed(1, 0).waiting == 0
