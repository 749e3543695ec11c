"""Run every ```bash and ```python block of the pages, in the order of each page.

A Python block whose first line is a comment with a file name, `# circle/data.py`, is written there instead.
`bash exit=2` is a command that must end with that code, `bash fails` one that must end with any but 0.
`bash needs=onnx` is left out where that package is not installed.
Blocks of other kinds, `text` for example, are only read.
"""

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# ([\w/]+\.py)\n")
# The decisions are a record; their snippets are of the time.
PAGES = [path for path in sorted(ROOT.glob("docs/**/*.md")) if "adr" not in path.parts]
PAGES += sorted(ROOT.glob("scenarios/**/README.md"))


@dataclass(frozen=True)
class Block:
    language: str
    options: str
    code: str


def blocks_of(page):
    return [Block(*match.groups()) for match in FENCE.finditer(page.read_text())]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_of_page_run(page, tmp_path):
    for block in blocks_of(page):
        run(block, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_starts_with_something_that_runs(page):
    first = blocks_of(page)[0]

    assert first.language in ("bash", "python")


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("docs/adr/*.md"), *ROOT.glob("*.md")], ids=str)
def test_links_of_page_lead_to_files(page):
    prose = FENCE.sub("", page.read_text())
    links = re.findall(r"\]\((?!https?:)([^)#]+)", prose)

    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def run(block, folder):
    needed = re.search(r"needs=(\w+)", block.options)
    if needed and importlib.util.find_spec(needed[1]) is None:
        return
    if block.language == "bash":
        finish(["bash", "-euo", "pipefail", "-c", block.code], block, folder)
    elif block.language == "python":
        file_name = FILE_NAME.match(block.code)
        if file_name:
            (folder / file_name[1]).write_text(block.code)
        else:
            finish([sys.executable, "-c", block.code], block, folder)


def finish(command, block, folder):
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if "fails" in block.options:
        as_promised = result.returncode != 0
    else:
        expected = re.search(r"exit=(\d+)", block.options)
        as_promised = result.returncode == (int(expected[1]) if expected else 0)
    assert as_promised, f"{block.code}\nexit code {result.returncode}\n{result.stdout}\n{result.stderr}"
