"""A warm starter as scenarios write them: it cuts names itself and fits weights into other shapes."""

from dataclasses import dataclass, field

import numpy as np
from paiargparse import pai_dataclass, pai_meta

from tfaip.trainer.warmstart.warmstart_params import WarmStartParams
from tfaip.trainer.warmstart.warmstarter import WarmStarter

PREFIX = "root/ToyGraph/"


@pai_dataclass
@dataclass
class AdaptingWarmStartParams(WarmStartParams):
    """Weights that need not have the shape of the model's."""

    value: float = field(default=0.0, metadata=pai_meta(help="What further values are."))
    seen: list = field(default_factory=list, metadata=pai_meta(mode="ignore"))

    def create(self, **kwargs):
        return AdaptingWarmStarter(self, **kwargs)


class AdaptingWarmStarter(WarmStarter[AdaptingWarmStartParams]):
    """Cuts off what is too much, and fills up what is missing."""

    def _trim(self, names):
        return [name.removeprefix(PREFIX) for name in names]

    def apply_weights(self, target_model, new_weights):
        for weight, new_weight in zip(target_model.weights, new_weights, strict=True):
            self._params.seen.append(weight.name)
            adapted = np.full(weight.shape, self._params.value, "float32")
            common = tuple(
                slice(0, min(a, b)) for a, b in zip(weight.shape, np.shape(new_weight), strict=True)
            )
            adapted[common] = np.asarray(new_weight)[common]
            weight.assign(adapted)
