"""Between Keras and a policy: the events of a training."""

from collections.abc import Mapping
from typing import Any, Dict, Optional

import keras

from tfaip.trainer.policies.policy import Policy
from tfaip.trainer.policies.values import ValuePolicy

_VALIDATIONS = ("val_", "val/", "lav_")

Logs = Optional[Dict[str, Any]]


class PolicyCallback(keras.callbacks.Callback):
    """Tells `policy` what happens; its state is saved with each checkpoint."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy
        self._epoch = 0

    @property
    def title(self) -> str:
        """How the log names the policy."""
        return self.policy.title

    @property
    def state_key(self) -> str:
        """Which policy a state in a checkpoint belongs to."""
        return self.policy.title

    def get_state(self) -> Any:
        """Return the state of the policy."""
        return self.policy.get_state()

    def set_state(self, state: Any) -> None:
        """Set the state of the policy."""
        self.policy.set_state(state)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Tell that the training starts."""
        self.policy.train_started()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Tell that an epoch starts."""
        self._epoch = epoch
        self.policy.epoch_started(epoch)

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Tell that steps start."""
        self.policy.step_started(self._step(batch))

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Tell that steps are done."""
        self.policy.step_finished(self._step(batch), train_losses=logs or {})

    def on_test_begin(self, logs: Logs = None) -> None:
        """Tell that a validation starts."""
        self.policy.validation_started()

    def on_test_end(self, logs: Logs = None) -> None:
        """Tell that a validation is over."""
        self.policy.validation_finished(metrics=logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Tell that an epoch is over."""
        train_losses, metrics = _divided(logs or {})
        self.policy.epoch_finished(epoch, train_losses=train_losses, metrics=metrics)

    def on_train_end(self, logs: Logs = None) -> None:
        """Tell that the training has ended well."""
        self.policy.train_finished()

    def on_exception(self, error: BaseException) -> None:
        """Tell that it has not."""
        self.policy.exception_raised(error)

    def _step(self, batch: int) -> int:
        return self._epoch * self.params["steps"] + batch  # type: ignore[index]


class ValueCallback(PolicyCallback):
    """Also sets the value that losses read."""

    policy: ValuePolicy

    def set_model(self, model: Any) -> None:
        """Let the model follow the policy."""
        super().set_model(model)
        params = self.policy.params
        model.values.follow(
            params.name, self._value, by_step=params.follows_steps, iterations=model.optimizer.iterations
        )

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Set the value of the epoch."""
        super().on_epoch_begin(epoch, logs)
        self.model.values.start_epoch()  # type: ignore[union-attr]

    def _value(self, step: int) -> float:
        return self.policy.value(epoch=self._epoch, step=step)


def callback_of(policy: Policy) -> PolicyCallback:
    """Return the callback for a policy."""
    return ValueCallback(policy) if isinstance(policy, ValuePolicy) else PolicyCallback(policy)


def _divided(logs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of the training, and those of validations."""
    train, validations = {}, {}
    for name, value in logs.items():
        (validations if name.startswith(_VALIDATIONS) else train)[name] = value
    return train, validations
