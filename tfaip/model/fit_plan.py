"""When a training validates and ends, as pure functions of epochs and steps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FitPlan:
    """How far a training goes, from where, and what comes in between.

    Attributes:
        epochs: Epoch to end with, counted from the start of the whole training.
        steps_per_epoch: Batches an epoch.
        initial_epoch: Epochs that are done.
        initial_step: Steps that are done of the epoch after them.
        is_validation_left: Whether the validation after `initial_step` was not done.
        validation_freq: Validate after every n-th epoch; 0 never.
        val_every_n_steps: Validate after every n-th step; 0 never.
        max_steps: Step to end with, counted as the epochs are; 0: it does not matter.
    """

    epochs: int
    steps_per_epoch: int
    initial_epoch: int = 0
    initial_step: int = 0
    is_validation_left: bool = False
    validation_freq: int = 1
    val_every_n_steps: int = 0
    max_steps: int = 0

    def first_step(self, epoch: int) -> int:
        """Return the steps of `epoch` that are done before it starts here."""
        return self.initial_step if epoch == self.initial_epoch else 0

    def steps_until_due(self, epoch: int, done: int) -> int:
        """Return how many steps may follow in one go after `done` steps of `epoch`."""
        step = epoch * self.steps_per_epoch + done
        due = [self.steps_per_epoch - done]
        if self.max_steps > 0:
            due.append(self.max_steps - step)
        if self.val_every_n_steps > 0:
            due.append(self.val_every_n_steps - step % self.val_every_n_steps)
        return max(1, min(due))

    def is_over(self, epoch: int, done: int) -> bool:
        """Return whether `max_steps` is reached."""
        return 0 < self.max_steps <= epoch * self.steps_per_epoch + done

    def validates_within(self, epoch: int, done: int) -> bool:
        """Return whether a validation follows after `done` steps, fewer than the whole, of `epoch`."""
        if self.is_over(epoch, done) and self.validation_freq > 0:
            return True  # so that the last weights are judged
        step = epoch * self.steps_per_epoch + done
        return self.val_every_n_steps > 0 and step % self.val_every_n_steps == 0

    def validates_after(self, epoch: int) -> bool:
        """Return whether a validation follows after `epoch`."""
        steps = (epoch + 1) * self.steps_per_epoch
        by_steps = self.val_every_n_steps > 0 and steps % self.val_every_n_steps == 0
        return by_steps or (self.validation_freq > 0 and (epoch + 1) % self.validation_freq == 0)
