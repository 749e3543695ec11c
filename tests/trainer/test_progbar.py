import io

import numpy as np
import pytest

from tfaip import progress
from tfaip.trainer.callbacks.progbar import TFAIPProgbarLogger, text_of_logs


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Tensor:
    """A value that notes when somebody waits for it."""

    def __init__(self, value):
        self.value = value
        self.num_reads = 0

    def __array__(self, dtype=None, copy=None):
        self.num_reads += 1
        return np.asarray(self.value, dtype)


@pytest.fixture
def seconds(monkeypatch):
    """The clock of the progress; a test turns its hand."""
    hand = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: hand[0])
    return hand


def run(callback, seconds, *, epochs=2, steps=100, per_call=25, loss=None):
    """Call `callback` as a training of few epochs does, a call each two seconds."""
    loss = Tensor(0.5) if loss is None else loss
    callback.set_params({"epochs": epochs, "steps": steps, "verbose": 1})
    callback.on_train_begin({})
    for epoch in range(epochs):
        callback.on_epoch_begin(epoch, {})
        for end in range(per_call, steps + 1, per_call):
            seconds[0] += 2
            callback.on_train_batch_begin(end - per_call, {})
            callback.on_train_batch_end(end - 1, {"loss": loss})
        callback.on_test_begin({})
        callback.on_test_batch_end(9, {"loss": loss})
        callback.on_test_end({})
        callback.on_epoch_end(epoch, {"loss": 0.25, "val_loss": 0.125})
    callback.on_train_end({})


def test_lines_are_written_at_most_every_delta_time_and_at_the_end_of_each_epoch(capsys, seconds):
    run(TFAIPProgbarLogger(delta_time=5, mode=1), seconds)

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" steps")[0] for line in lines] == [
        "Epoch 1/2, 75/100",
        "Epoch 1/2, 100/100",
        "Epoch 2/2, 75/100",
        "Epoch 2/2, 100/100",
    ]
    assert lines[0].endswith("12.5 steps/s, 0:02 left: loss: 0.5000")
    assert lines[1].endswith("took 0:08")


def test_logs_are_read_only_when_something_is_shown(seconds):
    loss = Tensor(0.5)

    run(TFAIPProgbarLogger(delta_time=5, mode=1), seconds, epochs=1, loss=loss)

    assert loss.num_reads == 1


def test_bar_is_drawn_on_a_terminal(monkeypatch, seconds):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    run(TFAIPProgbarLogger(mode=1), seconds)

    text = terminal.getvalue()
    assert "Epoch 1/2" in text
    assert "50/100" in text
    assert "validation" in text or "loss: 0.5000" in text
    assert text.count("\n") == 2  # a bar for each epoch stays
    assert "val_loss: 0.1250" in text


def test_mode_2_writes_lines_on_a_terminal(monkeypatch, seconds):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    run(TFAIPProgbarLogger(mode=2), seconds)

    assert "\r" not in terminal.getvalue()
    assert "Epoch 2/2, 100/100 steps" in terminal.getvalue()


def test_mode_0_shows_nothing(capsys, seconds):
    run(TFAIPProgbarLogger(mode=0), seconds)

    assert capsys.readouterr().err == ""


def test_mode_comes_from_the_training_loop_if_it_is_not_given(capsys, seconds):
    callback = TFAIPProgbarLogger()
    callback.set_params({"epochs": 1, "steps": 4, "verbose": 0})

    callback.on_epoch_begin(0, {})
    callback.on_epoch_end(0, {"loss": 1.0})

    assert capsys.readouterr().err == ""


def test_validation_shows_that_it_runs(monkeypatch, seconds):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    callback = TFAIPProgbarLogger(mode=1)
    callback.set_params({"epochs": 1, "steps": 4, "verbose": 0})

    callback.on_train_begin({})
    callback.on_epoch_begin(0, {})
    callback.on_test_begin({})
    seconds[0] += 1
    callback.on_test_batch_end(9, {"loss": 1.0})
    callback.on_epoch_end(0, {})

    assert "validation, batch 10" in terminal.getvalue()


def test_evaluation_and_prediction_have_bars_of_their_own(capsys, seconds):
    callback = TFAIPProgbarLogger(mode=1)
    callback.set_params({"epochs": 1, "steps": 4, "verbose": 1})

    callback.on_test_begin({})
    callback.on_test_batch_end(3, {"acc": 0.5})
    callback.on_test_end({"acc": 0.5})
    callback.on_predict_begin({})
    callback.on_predict_batch_end(3, {})
    callback.on_predict_end({})

    evaluation, prediction = capsys.readouterr().err.splitlines()
    assert evaluation.startswith("Evaluation, 4 steps")
    assert evaluation.endswith("acc: 0.5000")
    assert prediction.startswith("Prediction, 4/4 steps")


def test_text_of_logs_is_sorted_and_leaves_out_what_is_no_number():
    logs = {"b": np.array([1.0, 3.0]), "a": 1, "image": b"png", "empty": np.array([])}

    assert text_of_logs(logs) == "a: 1.0000 - b: 2.0000"
    assert text_of_logs(None) == ""
