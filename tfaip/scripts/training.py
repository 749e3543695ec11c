"""What the programs that train share: from flags to checked params, and from those to a training."""

import errno
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from tfaip.errors import UsageError
from tfaip.logs import WriteToLogFile
from tfaip.params.differences import differences
from tfaip.params.parser import TFAIPArgumentParser
from tfaip.params.post_init import post_init
from tfaip.params.user_modules import import_failures_reported
from tfaip.scripts.arguments import Command, runs_a_command
from tfaip.scripts.streams import lasting_streams
from tfaip.trainer import run_folder, stop_signals
from tfaip.trainer.conflicts import check_conflicts
from tfaip.trainer.params import TrainerParams, check_outputs
from tfaip.trainer.run_lock import locked

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

logger = logging.getLogger(__name__)

_LOG = "train.log"


def parse_trainer_params(
    command: Command,
    operand: str,
    defaults: TrainerParams,
    flags: Sequence[str],
    add_options: Callable[[TFAIPArgumentParser], None] = lambda parser: None,
) -> TrainerParams:
    """Return `defaults` with what `flags` change.

    Args:
        command: The program.
        operand: Its first argument.
        defaults: The params, whose fields are flags.
        flags: The words behind the operand.
        add_options: Adds what the program takes besides.

    Raises:
        UsageError: If a flag or a value is wrong.
    """
    parser = TFAIPArgumentParser(
        prog=f"{command.program} {operand}",
        usage=f"{command.program} {operand} [--FLAG VALUE ...]",
        description=command.summary,
    )
    add_options(parser)
    parser.add_root_argument("trainer", type(defaults), default=defaults)
    return parser.parse_args(flags).trainer


def start_training(
    scenario: "type[ScenarioBase]",
    params: TrainerParams,
    *,
    stored: Optional[TrainerParams] = None,
    restore: bool = False,
) -> Any:
    """Check `params`, then train, with a log in `output_dir`; return the logs of the last epoch.

    Args:
        scenario: What is trained.
        params: How.
        stored: The params before the command line changed them; the differences are logged.
        restore: Go on from the last checkpoint, and append to the log.

    Raises:
        UsageError: If `params` can not be used; then nothing was written.
    """
    if params.fast_dev_run > 0:
        params.output_dir = None  # it may be in use
    check_before_start(params)
    # The trainer loads TensorFlow, which reads this once.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = str(params.tf_cpp_min_log_level)
    is_new = params.output_dir is not None and not os.path.exists(params.output_dir)
    with (
        lasting_streams(),
        stop_signals.handled(
            params.grace_seconds, lambda: run_folder.leave_at_once(params), is_program=runs_a_command()
        ),
        _folder_kept(params, restore) as goes_on,
        log_file(params.output_dir, append=goes_on, is_new_folder=is_new),
        import_failures_reported("the scenario"),
    ):
        if stored is not None:
            log_differences(stored, params)
        if goes_on:
            return scenario.create_trainer(params, restore=True).train()
        return scenario.create_trainer(params).train()


@contextmanager
def _folder_kept(params: TrainerParams, restore: bool) -> Iterator[bool]:
    """Keep `output_dir` for this process; give whether a training in it is gone on with.

    Raises:
        UsageError: It is in use, or holds a training that is not to be touched.
    """
    if params.output_dir is None:
        yield restore
        return
    with locked(Path(params.output_dir)):
        goes_on = restore or run_folder.goes_on(params)
        if not goes_on:
            run_folder.refuse_used(params)
        yield goes_on


def check_before_start(params: TrainerParams) -> None:
    """Raise if `params` contradict each other or can not be used here; nothing is written.

    Raises:
        UsageError: If so. It is found without TensorFlow.
    """
    if params.output_dir is not None:
        params.output_dir = os.path.expanduser(params.output_dir)
        check_output_dir(params.output_dir)
    post_init(params)
    check_outputs(params)
    check_conflicts(params)


def check_output_dir(output_dir: str, flag: str = "--trainer.output_dir") -> None:
    """Raise unless the folder `output_dir`, which `flag` named, can be written, or created.

    Raises:
        UsageError: If it can not, with the reason.
    """
    if not output_dir:
        raise UsageError(f"`{flag}` is empty: name a folder, or leave it out to write nothing.")
    folder = Path(output_dir).absolute()
    try:
        os.lstat(folder)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError(f"`{flag} {output_dir}` is too long a name for a folder.") from error
    existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not existing.is_dir():
        raise UsageError(f"`{flag} {output_dir}` needs a folder, but `{existing}` is none.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"`{flag} {output_dir}` can not be written: `{existing}` is read-only.")


@contextmanager
def log_file(output_dir: Optional[str], *, append: bool, is_new_folder: bool = False) -> Iterator[None]:
    """Let all messages also go to `train.log`, if there is a folder for it, while the `with` block runs.

    Some mistakes are found only when data and model are there. If one leaves the block as a `UsageError`, the
    log is removed again from a new folder.
    """
    if output_dir is None:
        yield
        return
    try:
        with WriteToLogFile(output_dir, append=append, log_name=_LOG):
            yield
    except UsageError:
        if is_new_folder:
            (Path(output_dir) / _LOG).unlink(missing_ok=True)
        raise


def log_differences(stored: TrainerParams, params: TrainerParams) -> None:
    """Log what the command line changed in stored params."""
    lines = differences(stored, params, "trainer")
    if lines:
        logger.info("Changed parameters:\n%s", "\n".join(f"  {line}" for line in lines))
