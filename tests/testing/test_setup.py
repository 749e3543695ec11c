import os
import subprocess
import sys

PROGRAM = """
import os
from tfaip.util.testing.setup import setup_test_init

setup_test_init()
print(repr(os.environ["CUDA_VISIBLE_DEVICES"]))
"""


def test_gpus_are_hidden_unless_it_was_said_which_to_use():
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}

    hidden = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )

    assert hidden.stdout.strip() == "''"
