"""A program with workers that ends in one of many ways: `python parent_program.py KIND HOW`."""

import os
import sys
import threading
import time

from tests.data.toy import AddParams, RepeatParams, numbers, pipeline
from tests.workers.jobs import children


def main(kind: str, how: str) -> None:
    processor = AddParams() if kind == "mapping" else RepeatParams()
    data = pipeline(numbers(100), processor, run_parallel=True, num_processes=2, batch_size=2)
    with data.batch_stream(auto_repeat=True) as batches:
        for _ in range(8):
            next(batches)
        sys.stdout.write(" ".join(map(str, children())) + "\n")
        sys.stdout.flush()
        if how == "exit in a thread":
            threading.Thread(target=os._exit, args=(9,)).start()
        if how == "exception":
            raise RuntimeError("in the main thread")
        if how == "_exit":
            os._exit(9)
        if how == "reading":
            while True:
                next(batches)
        time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
