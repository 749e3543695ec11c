"""What a test does first. Importing this module hides the GPUs, unless `CUDA_VISIBLE_DEVICES` is set."""

import os

from tfaip.device.device_config import DeviceConfig, DeviceConfigParams

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


def setup_test_init() -> None:
    """Set up the default devices, which must happen before TensorFlow is used."""
    DeviceConfig(DeviceConfigParams())
