"""What an output folder holds when a training is about to start in it, and what is done about that."""

import json
import logging
import os
import shlex
from pathlib import Path
from typing import Any, List

from tfaip.errors import UsageError
from tfaip.params.trust import packages_to_allow
from tfaip.scenario.params_files import TRAINER_PARAMS
from tfaip.trainer import generations, run_lock
from tfaip.trainer.params import Resume, TrainerParams

logger = logging.getLogger(__name__)

_EXPORTS = ("best", "export")
_NET_CONFIG = "net_config.json"


def checkpoint_folders(params: TrainerParams) -> List[Path]:
    """Return the folders below `output_dir` in which the training may have checkpoints."""
    output_dir = Path(params.output_dir or ".")
    return generations.folders_of(output_dir, params.checkpoint_sub_dir)


def folders_to_resume(params: TrainerParams) -> List[Path]:
    """Return the folder, or the single checkpoint, that `params` name, and the folders of what is older."""
    chosen = Path(params.output_dir or ".") / params.saved_checkpoint_sub_dir
    newest = max((one.serial for one in generations.generations([chosen])), default=-1)
    others = [folder for folder in checkpoint_folders(params) if folder.resolve() != chosen.resolve()]
    older = [f for f in others if all(one.serial < newest for one in generations.generations([f]))]
    return [chosen, *older]


def goes_on(params: TrainerParams) -> bool:
    """Return whether `--trainer.resume auto` finds a training to go on with; `params` are told where.

    A folder without a whole checkpoint has nothing to lose: then the training starts anew.
    """
    if params.resume != Resume.AUTO or params.output_dir is None:
        return False
    found = generations.generations(checkpoint_folders(params))
    if found:
        path = found[0].path
        folder = path.parent if path.name == generations.LINK else path.parents[1]
        params.saved_checkpoint_sub_dir = os.path.relpath(folder, params.output_dir)
    return bool(found)


def refuse_used(params: TrainerParams) -> None:
    """Raise if `output_dir` holds a training, and nobody said what is to become of it.

    Raises:
        UsageError: If so, with what it holds and how to go on with it.
    """
    if params.output_dir is None or params.overwrite:
        return
    held = _held(Path(params.output_dir), params)
    if held:
        raise UsageError(
            f"`--trainer.output_dir {params.output_dir}` holds {held}. Go on with it by "
            f"`{resume_command(params)}` or `--trainer.resume auto`, choose another folder, or "
            "lose it with `--trainer.overwrite True`."
        )


def resume_command(params: TrainerParams) -> str:
    """Return how a training is gone on with on the command line."""
    packages = packages_to_allow([str(params.scenario.scenario_id).partition(".")[0].partition(":")[0]])
    allow = ["--allow", *packages] if packages else []
    return shlex.join(["tfaip-resume-training", str(params.output_dir), *allow])


def leave_at_once(params: TrainerParams) -> str:
    """Unlock the folder for a process that cannot end as it should; return what can be resumed."""
    if params.output_dir is None:
        return "nothing was saved without `--trainer.output_dir`."
    run_lock.release(Path(params.output_dir))
    found = generations.generations(checkpoint_folders(params))
    if not found:
        return "nothing was saved yet. Start again."
    return f"the last checkpoint is {found[0].name}; resume with `{resume_command(params)}`."


def remove_overwritten(params: TrainerParams) -> None:
    """Remove the checkpoints and params of the training that is overwritten, so that nothing resumes it.

    Logs and exports make way for those of the new training, one by one; other files stay.
    """
    output_dir = Path(params.output_dir or ".")
    if not params.overwrite or not _held(output_dir, params):
        return
    for folder in {output_dir, *checkpoint_folders(params)}:
        for one in generations.generations([folder]):
            generations.remove(one.path)
        (folder / TRAINER_PARAMS).unlink(missing_ok=True)
        if (folder / generations.LINK).is_symlink():
            (folder / generations.LINK).unlink()
    logger.warning("The training that was in `%s` is overwritten.", output_dir)


def _held(output_dir: Path, params: TrainerParams) -> str:
    """Return what a message says of the training in a folder; empty: there is none."""
    folders = {output_dir, *checkpoint_folders(params)}
    if generations.generations(folders):
        facts = generations.newest_facts(folders)
        run = f" {facts['run']}" if facts.get("run") else ""
        return f"the training{run}{_progress(output_dir, facts)}"
    if any((folder / TRAINER_PARAMS).exists() for folder in folders):
        return f"a training without checkpoints{_progress(output_dir, {})}"
    exports = [name for name in _EXPORTS if (output_dir / name / _NET_CONFIG).exists()]
    return f"the export `{exports[0]}`" if exports else ""


def _progress(output_dir: Path, facts: dict[str, Any]) -> str:
    """Return how far the training is, as far as that can be read."""
    stored: dict[str, Any] = {}
    try:
        stored = json.loads((output_dir / TRAINER_PARAMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        logger.debug("`%s` cannot be read", output_dir / TRAINER_PARAMS)
    epoch, step = facts.get("epoch", stored.get("current_epoch", "?")), facts.get("step", 0)
    of = f" of {stored['epochs']}" if "epochs" in stored else ""
    return f", epoch {epoch}{of}" + (f", step {step}" if step else "")
