"""Set up devices before TensorFlow computes anything.

The module itself loads no TensorFlow; creating a `DeviceConfig` does.
"""

import functools
import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, List, Optional, TypeVar

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.checks import check_number
from tfaip.params.enums import StrEnum

logger = logging.getLogger(__name__)

TFunction = TypeVar("TFunction", bound=Callable[..., Any])


class UnknownGpuError(UsageError, IndexError):
    """A GPU index that this machine does not have."""


class DistributionStrategy(StrEnum):
    """How a model is spread over several GPUs."""

    DEFAULT = "default"
    CENTRAL_STORAGE = "central_storage"
    MIRROR = "mirror"


@pai_dataclass
@dataclass
class DeviceConfigParams:
    """The devices of a process."""

    gpus: Optional[List[int]] = field(
        default=None,
        metadata=pai_meta(
            help="Indices of the GPUs to use, counted among those that TensorFlow sees. None: all "
            "that the environment variable CUDA_VISIBLE_DEVICES lists if it is set, else only the "
            "CPU."
        ),
    )
    gpu_auto_tune: bool = field(
        default=False,
        metadata=pai_meta(
            help="Let cuDNN try several algorithms at the start and keep the fastest. Results may "
            "then differ in the last bits from run to run."
        ),
    )
    gpu_memory: Optional[int] = field(
        default=None,
        metadata=pai_meta(help="Memory limit of each GPU in MB. None: memory grows as needed."),
    )
    soft_device_placement: bool = field(
        default=True,
        metadata=pai_meta(
            help="Run an operation on the CPU if there is none for the GPU, instead of failing."
        ),
    )
    dist_strategy: DistributionStrategy = field(
        default=DistributionStrategy.DEFAULT,
        metadata=pai_meta(
            help="default: one device; mirror: a copy of the model on each GPU, which share each "
            "batch; central_storage: as mirror, but the weights are on the CPU. A training takes one device."
        ),
    )

    def __post_init__(self) -> None:
        """Refuse negative indices and memory limits."""
        for index in self.gpus or []:
            check_number("--device.gpus", index, at_least=0)
        check_number("--device.gpu_memory", self.gpu_memory, at_least=1, optional=True)


class DeviceConfig:
    """The devices of this process, set up when the object is created.

    Create it before TensorFlow computes anything: GPUs cannot be chosen or limited afterwards.
    Creating it again is harmless; params without `gpus` then accept what was chosen before.

    Attributes:
        strategy: A `tf.distribute.Strategy`, or `None` for a single device.
    """

    def __init__(self, params: DeviceConfigParams) -> None:
        self._params = params
        os.environ["TF_CUDNN_USE_AUTOTUNE"] = "1" if params.gpu_auto_tune else "0"
        gpus = _choose_gpus(params)
        _set_soft_placement(params.soft_device_placement)
        self.strategy = _create_strategy(params.dist_strategy, gpus)

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which models are built and trained."""
        return nullcontext() if self.strategy is None else self.strategy.scope()


def default_gpus() -> List[int]:
    """Return the indices of the GPUs that `CUDA_VISIBLE_DEVICES` lists; without it, none.

    As for CUDA itself, an entry that is a negative number hides itself and all that follow.
    """
    entries = [x.strip() for x in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    visible: List[str] = []
    for entry in entries:
        if not entry or entry.startswith("-"):
            break
        visible.append(entry)
    return list(range(len(visible)))


def distribute_strategy(func: TFunction) -> TFunction:
    """Decorate a method: run it in the distribution strategy of its `self.device_config`."""

    @functools.wraps(func)
    def run_in_scope(self: Any, *args: Any, **kwargs: Any) -> Any:
        with self.device_config.scope():
            return func(self, *args, **kwargs)

    return run_in_scope  # type: ignore[return-value]


def _choose_gpus(params: DeviceConfigParams) -> List[Any]:
    """Make only the wanted GPUs visible and limit their memory; return them."""
    import tensorflow as tf

    physical = tf.config.list_physical_devices("GPU")
    wanted = _wanted_gpus(params.gpus, physical)
    visible = tf.config.get_visible_devices("GPU")
    try:
        if visible != wanted:
            tf.config.set_visible_devices(wanted, "GPU")
        for gpu in wanted:
            _limit_memory(gpu, params.gpu_memory)
    except RuntimeError as error:  # TensorFlow is already running
        if params.gpus is None:
            logger.debug("TensorFlow already runs; keeping its devices: %s", visible)
            return visible
        raise UsageError(
            f"`--device.gpus` {params.gpus} comes too late: TensorFlow already runs in this "
            f"process with {[gpu.name for gpu in visible] or 'no GPU'}. Create the `DeviceConfig` "
            "before anything is computed, and with the same params each time."
        ) from error
    return wanted


def _wanted_gpus(indices: Optional[List[int]], physical: List[Any]) -> List[Any]:
    if indices is None:
        return [physical[i] for i in default_gpus() if i < len(physical)]
    unknown = [i for i in indices if i >= len(physical)]
    if unknown:
        known = ", ".join(str(i) for i in range(len(physical))) or "no GPU at all"
        raise UnknownGpuError(
            f"`--device.gpus` names GPU {', '.join(map(str, unknown))}, but TensorFlow sees "
            f"{known}. Check `nvidia-smi` and `CUDA_VISIBLE_DEVICES`, or leave the flag out to use "
            "the CPU."
        )
    return [physical[i] for i in indices]


def _limit_memory(gpu: Any, megabytes: Optional[int]) -> None:
    import tensorflow as tf

    if megabytes is None:
        if not tf.config.experimental.get_memory_growth(gpu):
            tf.config.experimental.set_memory_growth(gpu, True)
        return
    limits = [tf.config.LogicalDeviceConfiguration(memory_limit=megabytes)]
    if tf.config.get_logical_device_configuration(gpu) != limits:
        tf.config.set_logical_device_configuration(gpu, limits)


def _set_soft_placement(enabled: bool) -> None:
    import tensorflow as tf

    if tf.config.get_soft_device_placement() != enabled:
        tf.config.set_soft_device_placement(enabled)


def _create_strategy(kind: DistributionStrategy, gpus: List[Any]) -> Any:
    import tensorflow as tf

    if kind == DistributionStrategy.DEFAULT:
        return None
    names = [gpu.name.replace("physical_device:", "") for gpu in gpus] or ["/CPU:0"]
    if kind == DistributionStrategy.MIRROR:
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.experimental.CentralStorageStrategy(compute_devices=names)
