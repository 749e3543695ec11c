"""Label: lives in `tfaip.testing.setup`."""

from tfaip.testing.setup import setup_test_init as setup_test_init
