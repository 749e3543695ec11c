"""The rules of the house: rooms import downstairs only, and what is light loads no TensorFlow."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

import tfaip.errors

ROOT = Path(tfaip.errors.__file__).parent

# From the bottom of the house; the rooms of one row may not import each other.
ROOMS = [
    ["errors", "version", "printable"],
    ["files", "params"],
    ["logs", "progress"],
    ["workers"],
    ["resource"],
    ["device"],
    ["data"],
    ["evaluator"],
    ["reporting"],
    ["model"],
    ["scenario"],
    ["predict"],
    ["lav"],
    ["trainer"],
    ["scripts", "util", "testing", "imports", ""],
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}

# The looks up the stairs: which trainer and LAV belong to a scenario, and what list files add to them.
BRIDGES = {
    "tfaip.scenario.factories": {"tfaip.trainer.params", "tfaip.lav.params"},
    "tfaip.scenario.listfile.params": {"tfaip.trainer.params"},
    "tfaip.scenario.listfile.listfilescenario": {"tfaip.lav.params"},
    "tfaip.scenario.listfile.listfilelav": {
        "tfaip.lav.callbacks.lav_callback",
        "tfaip.lav.lav",
        "tfaip.lav.result",
    },
}

# What loads TensorFlow or Keras; everything else is light.
HEAVY = [
    "tfaip.imports",
    "tfaip.data.keras_inputs",
    "tfaip.data.pipeline.tfdatasetgenerator",
    "tfaip.model.*",
    "tfaip.scenario.batch_specs",
    "tfaip.scenario.building",
    "tfaip.scenario.conversion",
    "tfaip.scenario.export",
    "tfaip.scenario.formats",
    "tfaip.scenario.freezing",
    "tfaip.scenario.listfile.listfilelav",
    "tfaip.scenario.rebuilding",
    "tfaip.scenario.saved_weights",
    "tfaip.scenario.summary",
    "tfaip.scenario.weight_names",
    "tfaip.predict.blocks",
    "tfaip.predict.exported_model",
    "tfaip.predict.onnx_graph",
    "tfaip.lav.lav",
    "tfaip.lav.validated_samples",
    "tfaip.trainer.trainer",
    "tfaip.trainer.callback_order",
    "tfaip.trainer.event_files",
    "tfaip.trainer.further_formats",
    "tfaip.trainer.batches",
    "tfaip.trainer.checkpoints",
    "tfaip.trainer.compiling",
    "tfaip.trainer.saved_run",
    "tfaip.trainer.range_test",
    "tfaip.trainer.seeds",
    "tfaip.trainer.training_speed",
    "tfaip.trainer.callbacks.*",
    "tfaip.trainer.optimizer.*",
    "tfaip.trainer.scheduler.*",
    "tfaip.trainer.user_callbacks",
    "tfaip.trainer.warmstart.keras_files",
    "tfaip.trainer.warmstart.sources",
    "tfaip.trainer.warmstart.target",
    "tfaip.trainer.warmstart.tensor_bundles",
    "tfaip.trainer.warmstart.warmstarter",
    "tfaip.testing.training",
    "tfaip.util.random",
    "tfaip.util.testing.training",
    "tfaip.util.tftyping",
]
# What is light in these rooms too, because `--help` needs it.
LIGHT = ["*params", "tfaip.trainer.optimizer.optimizers", "tfaip.trainer.callbacks.earlystopping.tracking"]

HEAVY_PACKAGES = {"tensorflow", "keras"}


def is_heavy(module: str) -> bool:
    """Return whether `module` may load TensorFlow, by the lists above."""
    is_package = (ROOT.parent / module.replace(".", "/")).is_dir()
    is_light = is_package or any(fnmatch(module, pattern) for pattern in LIGHT)
    return not is_light and any(fnmatch(module, pattern) for pattern in HEAVY)


@cache
def modules() -> dict[str, Path]:
    """Return the files of all modules by name."""
    paths = sorted(ROOT.rglob("*.py"))
    names = [path.relative_to(ROOT.parent).with_suffix("").parts for path in paths]
    return {
        ".".join(n[:-1] if n[-1] == "__init__" else n): path for n, path in zip(names, paths, strict=True)
    }


@cache
def imports(module: str) -> frozenset[str]:
    """Return the modules that `module` imports when it is imported itself."""
    return frozenset(_imported(_executed(ast.parse(modules()[module].read_text("utf-8")).body)))


def _executed(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run on import: not those in functions or below `if TYPE_CHECKING`."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            yield from _executed(statement.orelse)
            continue
        yield statement
        yield from _executed(
            child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)
        )


def _imported(statements: Iterable[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module
            yield from (
                name for alias in statement.names if (name := f"{statement.module}.{alias.name}") in modules()
            )


@cache
def loads_tensorflow(module: str) -> bool:
    """Return whether importing `module` loads TensorFlow or Keras, through whatever it imports."""
    reached, waiting = {module}, [module]
    while waiting:
        for imported in imports(waiting.pop()):
            if imported.split(".")[0] in HEAVY_PACKAGES:
                return True
            parents = [imported.rsplit(".", depth)[0] for depth in range(imported.count(".") + 1)]
            found = {name for name in parents if name in modules()} - reached
            reached |= found
            waiting += found
    return False


def room(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def test_every_room_has_its_floor():
    assert {room(module) for module in modules()} <= LEVEL.keys()


@pytest.mark.parametrize("module", modules())
def test_a_room_imports_only_lower_ones(module):
    own = room(module)
    upstairs = [
        imported
        for imported in imports(module)
        if imported.partition(".")[0] == "tfaip"
        and room(imported) != own
        and LEVEL[room(imported)] >= LEVEL[own]
        and own not in ROOMS[-1]
        and imported not in BRIDGES.get(module, ())
    ]

    assert upstairs == [], f"{module} looks up the stairs"


def test_modules_inside_a_room_form_no_circle():
    for module in modules():
        reached, waiting = set(), list(imports(module))
        while waiting:
            imported = waiting.pop()
            if imported in modules() and imported not in reached:
                reached.add(imported)
                waiting += imports(imported)
        assert module not in reached, f"{module} imports itself"


@pytest.mark.parametrize("module", modules())
def test_only_heavy_modules_load_tensorflow(module):
    assert not loads_tensorflow(module) or is_heavy(module)


def test_the_list_of_heavy_modules_is_no_longer_than_needed():
    loading = {module for module in modules() if loads_tensorflow(module)}
    unused = [p for p in HEAVY if not any(fnmatch(m, p) for m in loading) and _exists(p)]

    assert unused == []


def _exists(pattern: str) -> bool:
    return any(fnmatch(module, pattern) for module in modules())


def test_light_modules_load_no_tensorflow():
    light = [module for module in modules() if not is_heavy(module)]
    code = f"import importlib, sys\nfor m in {light}:\n    importlib.import_module(m)\n" + (
        f"    assert not {HEAVY_PACKAGES} & sys.modules.keys(), m"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
