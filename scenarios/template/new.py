"""Copies a template under a new name: `python -m scenarios.template.new my_task`."""

import argparse
import re
from pathlib import Path

from tfaip.errors import UsageError
from tfaip.scripts.arguments import run_command

TEMPLATES = Path(__file__).parent


def copy_template(template: str, folder: Path) -> None:
    """Write a scenario to `folder`, which is a path below the working directory.

    Its modules import each other by that path, and `Template` in the names of its classes becomes the name of
    the folder: `tasks/line_reader` is the package `tasks.line_reader` with the class `LineReaderScenario`.

    Args:
        template: A folder beside this file.
        folder: Where the scenario goes.

    Raises:
        UsageError: The path is no name of a package, or it exists.
    """
    if folder.is_absolute() or not all(part.isidentifier() for part in folder.parts):
        raise UsageError(
            f"`{folder}` must be a path below this folder whose parts are names in Python, as `my_task` or "
            "`tasks/my_task`."
        )
    if folder.exists():
        raise UsageError(f"`{folder}` exists already. Choose another name.")
    package = ".".join(folder.parts)
    prefix = "".join(word.capitalize() for word in folder.name.split("_"))
    folder.mkdir(parents=True)
    for source in sorted((TEMPLATES / template).glob("*.py")):
        code = source.read_text().replace(f"scenarios.template.{template}", package)
        (folder / source.name).write_text(re.sub(r"\bTemplate(?=[A-Z])", prefix, code))


def main() -> None:
    """Copy as the command line of this process says."""
    templates = sorted(path.parent.name for path in TEMPLATES.glob("*/scenario.py"))
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.template.new", description="Copy a template under a new name."
    )
    parser.add_argument("folder", type=Path, help="new folder, for example `my_task`")
    parser.add_argument("--template", choices=templates, default="general", help="default: general")
    arguments = parser.parse_args()
    copy_template(arguments.template, arguments.folder)


if __name__ == "__main__":
    run_command(main)
