"""Compare the input pipeline with others: torch's DataLoader, grain, and `multiprocessing.Pool.imap`.

    pip install torch==2.13 grain==0.2.18      # what is not installed is left out
    python benchmarks/pipeline.py [--cases abcde] [--seconds 0.8] [--repetitions 1] [--engines tfaip,torch]

Every engine runs in a process of its own and they take turns, so that a busy machine is busy for all.
Batches are delivered as NumPy arrays and as elements of a `tf.data.Dataset`. The clock starts after as long
a time as is measured, at the second batch or later; the best repetition counts. At the end: the time to the
first batch, the memory of a worker, and a million file names.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

_ROOT = Path(__file__).resolve().parent.parent
_PATIENCE_SECONDS = 40
_NEEDS = {"torch": "torch", "grain": "grain"}
_DELIVERIES = {"numpy": False, "tf": True}

Key = Tuple[str, str, int, str]  # case, delivery, processes, engine
Result = Tuple[float, float]  # samples per second, microseconds of processor time for a sample


def main() -> None:
    """Run one engine if one is named, else all of them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", default="abcde", help="which cases")
    parser.add_argument("--engines", default="tfaip,torch,grain,imap", help="which engines")
    parser.add_argument("--deliveries", default="numpy,tf", help="how batches are delivered")
    parser.add_argument("--processes", default="1,2", help="numbers of worker processes")
    parser.add_argument("--seconds", type=float, default=0.8, help="of one measurement")
    parser.add_argument("--repetitions", type=int, default=1, help="of each measurement")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return
    started = time.monotonic()
    print(environment(), flush=True)
    show(compare(args), args)
    for line in further_numbers():
        print(line, flush=True)
    print(f"The whole took {time.monotonic() - started:.0f} s.")


def compare(args: argparse.Namespace) -> Dict[Key, Result]:
    """Return the best result of each case, delivery, number of processes and engine."""
    engines = [name for name in args.engines.split(",") if is_there(name)]
    servers = {name: Server(name) for name in engines}
    best: Dict[Key, Result] = {}
    for case in args.cases:
        for delivery in args.deliveries.split(","):
            for number in map(int, args.processes.split(",")):
                for _ in range(args.repetitions):
                    for name, server in servers.items():
                        found = server.measure(case, number, _DELIVERIES[delivery], args.seconds)
                        key = case, delivery, number, name
                        best[key] = max(found, best.get(key, (0.0, 0.0)))
        print(f"case {case} is done", file=sys.stderr, flush=True)
    for server in servers.values():
        server.close()
    return best


class Server:
    """A process that measures one engine."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, __file__, "--serve", self._engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "CUDA_VISIBLE_DEVICES": "-1",
            },
        )

    def measure(self, case: str, num_processes: int, as_tensors: bool, seconds: float) -> Result:
        """Return a result; of zeros if it failed."""
        rate, used = self.ask([case, num_processes, as_tensors, seconds]) or (0.0, 0.0)
        return rate, used

    def ask(self, question: Any) -> Any:
        """Return the answer; None if it did not come in time, as when the end of a pool hangs."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("there are no pipes")
        watchdog = threading.Timer(_PATIENCE_SECONDS, self._process.kill)
        watchdog.start()
        try:
            stdin.write(json.dumps(question) + "\n")
            stdin.flush()
            for line in stdout:
                if line.startswith("ANSWER "):
                    return json.loads(line[7:])
        finally:
            watchdog.cancel()
        self._process.wait()
        self._process = self._started()
        return None

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(engine: str) -> None:
    """Measure what is asked for, line by line."""
    import pipeline_engines

    for line in sys.stdin:
        case, num_processes, as_tensors, seconds = json.loads(line)
        try:
            answer: Optional[Result] = pipeline_engines.measure(
                engine, case, num_processes, as_tensors=as_tensors, seconds=seconds
            )
        except Exception as error:  # noqa: BLE001 - shown as missing
            print(f"{engine} {case} {num_processes}: {error!r}", file=sys.stderr)
            answer = None
        print(f"ANSWER {json.dumps(answer)}", flush=True)


def show(best: Dict[Key, Result], args: argparse.Namespace) -> None:
    """Print the table: samples per second, ours to the best other, and ours with the most to one process."""
    from pipeline_engines import CASES

    engines = [name for name in args.engines.split(",") if any(key[3] == name for key in best)]
    processes = [int(number) for number in args.processes.split(",")]
    print(
        f"\n{'samples per second':38} {'batches':8} {'proc.':5}", *(f"{name:>9}" for name in engines), end=""
    )
    print(f" {'to the best other':>18} {'to one process':>15}")
    for case in args.cases:
        for delivery in args.deliveries.split(","):
            for number in processes:
                rates = [best[case, delivery, number, name][0] for name in engines]
                print(f"{case} {CASES[case].title:36} {delivery:8} {number:5}", end="")
                print(*(f" {rate:9,.0f}" if rate else f" {'-':>9}" for rate in rates), sep="", end="")
                others = [rate for rate, name in zip(rates, engines, strict=True) if name != "tfaip"]
                own, _ = best.get((case, delivery, number, "tfaip"), (0.0, 0.0))
                single, _ = best.get((case, delivery, processes[0], "tfaip"), (0.0, 0.0))
                print(f" {own / max(others):18.2f}" if others and max(others) else " " * 19, end="")
                print(f" {own / single:15.2f}" if single and number != processes[0] else "")
    print("\nProcessor time of a sample in microseconds, all processes together; other work on the machine")
    print("hardly changes it. Two cores can give 2,000,000 divided by it.")
    for case in args.cases:
        for delivery in args.deliveries.split(","):
            used = [best[case, delivery, processes[-1], name][1] for name in engines]
            print(f"{case} {CASES[case].title:36} {delivery:8} {processes[-1]:5}", end="")
            print(*(f" {one:9,.1f}" if one else f" {'-':>9}" for one in used), sep="")


def further_numbers() -> List[str]:
    """Return sentences about the first batch, the memory of workers, and long lists."""
    import pipeline_engines as engines

    pipeline = engines.our_pipeline("c", 2)
    first = min(engines.first_batch_seconds(2) for _ in range(3))
    with pipeline.batch_stream(auto_repeat=True, random_seed=1) as batches:
        for _ in range(50):
            next(batches)
        memory = [resident_mib(pid) for pid in children()]
    seconds, grown, per_worker = million_names()
    seeded, _ = engines.measure("tfaip, seeded", "c", 2, as_tensors=False, seconds=1.0)
    return [
        f"\nWith a random seed, which the others do not have, case c gives {seeded:,.0f} samples/s.",
        f"First batch: {first:.2f} s after the start of the pipeline (aim: 1.0 s).",
        f"Memory of a worker: {max(memory):.0f} MiB of its own (aim: 80).",
        f"A list of 1,000,000 file names: first batch in {seconds:.2f} s (aim: 5), main process "
        f"+{grown:.0f} MiB, each worker {per_worker:.0f} MiB.",
    ]


def million_names() -> Tuple[float, float, float]:
    """Return how long a list of a million names takes to its first batch, and what it takes in memory."""
    import pipeline_engines as engines

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.txt"
        path.write_text("".join(f"images/{number:07}.png\n" for number in range(1_000_000)))
        before = resident_mib(os.getpid())
        started = time.perf_counter()
        pipeline = engines.pipeline_of_names(str(path))
        with pipeline.batch_stream(auto_repeat=True, random_seed=1) as batches:
            next(batches)
            seconds = time.perf_counter() - started
            for _ in range(50):
                next(batches)
            return seconds, resident_mib(os.getpid()) - before, max(map(resident_mib, children()))


def resident_mib(process_id: int) -> float:
    """Return the memory of a process that it shares with nobody."""
    text = Path(f"/proc/{process_id}/statm").read_text()
    _, resident, shared = map(int, text.split()[:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") / 2**20


def children() -> List[int]:
    """Return the worker processes."""
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [int(text) for path in found for text in path.read_text().split()]


def is_there(engine: str) -> bool:
    """Return whether an engine is installed."""
    try:
        importlib.metadata.version(_NEEDS.get(engine, "numpy"))
    except importlib.metadata.PackageNotFoundError:
        print(f"{engine} is not installed, and left out", file=sys.stderr)
        return False
    return True


def environment() -> str:
    """Return what was compared, and on what."""
    packages = ["numpy", "tensorflow", *(name for name in _NEEDS.values() if is_there(name))]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    load = os.getloadavg()[0]
    machine = f"{platform.platform()}, {os.cpu_count()} cores, load {load:.1f}"
    return f"{machine}, Python {platform.python_version()}, {versions}"


if __name__ == "__main__":
    main()
