import pytest

from tfaip.model.fit_plan import FitPlan


@pytest.mark.parametrize(
    ("epoch", "done", "expected"),
    [(0, 0, 4), (0, 3, 1), (0, 4, 4), (0, 8, 2), (1, 0, 2), (1, 2, 3), (1, 5, 1)],
)
def test_a_call_ends_where_a_validation_the_epoch_or_the_training_ends(epoch, done, expected):
    plan = FitPlan(epochs=9, steps_per_epoch=10, val_every_n_steps=4, max_steps=15)

    assert plan.steps_until_due(epoch, done) == expected


def test_validations_within_epochs_follow_steps_of_the_whole_training():
    plan = FitPlan(epochs=2, steps_per_epoch=10, val_every_n_steps=4)

    assert [step for step in range(1, 10) if plan.validates_within(0, step)] == [4, 8]
    assert [step for step in range(1, 10) if plan.validates_within(1, step)] == [2, 6]


@pytest.mark.parametrize(
    ("freq", "steps", "expected"),
    [(1, 0, [0, 1, 2, 3]), (2, 0, [1, 3]), (0, 0, []), (0, 20, [1, 3]), (3, 20, [1, 2, 3])],
)
def test_an_epoch_is_validated_by_its_number_or_by_its_last_step(freq, steps, expected):
    plan = FitPlan(epochs=4, steps_per_epoch=10, validation_freq=freq, val_every_n_steps=steps)

    assert [epoch for epoch in range(4) if plan.validates_after(epoch)] == expected


@pytest.mark.parametrize(("freq", "expected"), [(1, True), (0, False)])
def test_the_last_weights_are_judged_unless_nothing_is(freq, expected):
    plan = FitPlan(epochs=2, steps_per_epoch=10, max_steps=13, validation_freq=freq)

    assert plan.is_over(1, 3)
    assert not plan.is_over(1, 2)
    assert plan.validates_within(1, 3) == expected


def test_only_the_first_epoch_is_resumed_within():
    plan = FitPlan(epochs=4, steps_per_epoch=10, initial_epoch=2, initial_step=7)

    assert [plan.first_step(epoch) for epoch in (2, 3)] == [7, 0]
