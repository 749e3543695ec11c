import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tfaip.device import device_config
from tfaip.device.device_config import (
    DeviceConfig,
    DeviceConfigParams,
    DistributionStrategy,
    UnknownGpuError,
    default_gpus,
    distribute_strategy,
)
from tfaip.errors import UsageError


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, []),
        ("", []),
        ("0", [0]),
        ("3,5", [0, 1]),
        ("-1", []),
        ("1, -1, 2", [0]),
        ("GPU-8a, GPU-9b", [0, 1]),
    ],
)
def test_default_gpus_are_those_of_the_environment(monkeypatch, visible, expected):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert default_gpus() == expected


def test_unknown_gpu_is_refused():
    gpus = [SimpleNamespace(name="/physical_device:GPU:0")]

    with pytest.raises(
        UnknownGpuError, match=r"`--device.gpus` names GPU 7, but TensorFlow sees 0\."
    ) as raised:
        device_config._wanted_gpus([0, 7], gpus)
    assert isinstance(raised.value, IndexError)
    assert raised.value.exit_code == 2


def test_unknown_gpu_is_refused_on_a_machine_without_any():
    with pytest.raises(IndexError, match="no GPU at all"):
        device_config._wanted_gpus([0], [])


def test_gpus_of_the_environment_that_do_not_exist_are_left_out(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")

    assert device_config._wanted_gpus(None, ["first"]) == ["first"]


@pytest.mark.parametrize("values", [{"gpus": [-1]}, {"gpu_memory": 0}])
def test_wrong_values_are_refused_with_their_flag(values):
    with pytest.raises(UsageError, match=f"`--device.{next(iter(values))}`"):
        DeviceConfigParams(**values)


def test_creating_it_sets_auto_tuning_and_may_be_repeated(monkeypatch):
    monkeypatch.setenv("TF_CUDNN_USE_AUTOTUNE", "before")

    config = DeviceConfig(DeviceConfigParams())
    assert os.environ["TF_CUDNN_USE_AUTOTUNE"] == "0"
    DeviceConfig(DeviceConfigParams(gpu_auto_tune=True))

    assert os.environ["TF_CUDNN_USE_AUTOTUNE"] == "1"
    assert config.strategy is None


class Owner:
    def __init__(self, strategy):
        self.device_config = DeviceConfig(DeviceConfigParams(dist_strategy=strategy))

    @distribute_strategy
    def replicas(self, *, extra):
        """Return the number of replicas."""
        import tensorflow as tf

        return tf.distribute.get_strategy().num_replicas_in_sync + extra, tf.distribute.has_strategy()


def test_method_runs_in_the_strategy_of_its_object():
    assert Owner(DistributionStrategy.MIRROR).replicas(extra=1) == (2, True)
    assert Owner(DistributionStrategy.DEFAULT).replicas(extra=0) == (1, False)
    assert Owner.replicas.__doc__ == "Return the number of replicas."


def test_decorated_method_needs_a_device_config():
    with pytest.raises(AttributeError, match="device_config"):
        Owner.replicas(SimpleNamespace(), extra=0)  # type: ignore[arg-type]


def test_central_storage_keeps_the_weights_on_the_cpu():
    config = DeviceConfig(DeviceConfigParams(dist_strategy=DistributionStrategy.CENTRAL_STORAGE))

    assert type(config.strategy).__name__.startswith("CentralStorageStrategy")


def test_gpus_that_come_too_late_are_refused_and_defaults_accepted(monkeypatch):
    import tensorflow as tf

    gpu = SimpleNamespace(name="/physical_device:GPU:0")

    def too_late(*_):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [gpu])
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda _: [])
    monkeypatch.setattr(tf.config, "set_visible_devices", too_late)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    with pytest.raises(UsageError, match="comes too late"):
        DeviceConfig(DeviceConfigParams(gpus=[0]))
    assert DeviceConfig(DeviceConfigParams()).strategy is None


def test_importing_it_loads_no_tensorflow():
    code = "import sys, tfaip.device.device_config; assert 'tensorflow' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True)
