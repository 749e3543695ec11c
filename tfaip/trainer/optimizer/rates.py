"""The learning rates of a training, for logs."""

from typing import Any

import numpy as np


def current_rates(model: Any) -> dict[str, float]:
    """Return the rate of the next update of `model` as `lr`; further optimizers have `lr/<name>`."""
    inner: Any = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # loss scaling wraps one
    rates = getattr(inner, "learning_rates", None)
    if rates is None:
        rates = {"lr": inner.learning_rate}
    return {name: float(np.asarray(rate)) for name, rate in rates.items()}


def policy_values(model: Any) -> dict[str, float]:
    """Return the numbers that policies have set for the next update of `model`, as `policy/<name>`."""
    values = getattr(model, "values", None)
    return {} if values is None else {f"policy/{name}": value for name, value in values.current().items()}
