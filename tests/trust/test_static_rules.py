"""What no module of tfaip may do, read from its source: run text, unpickle, start a shell, import by name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tfaip.errors

ROOT = Path(tfaip.errors.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Each with what it may do, and why.
REVIEWED = {
    (
        "params/user_modules.py",
        "importlib.import_module",
    ),  # names of users, and names that `trust` has checked
    ("__init__.py", "importlib.import_module"),  # of a table in the same file
    ("predict/pickled_dumps.py", "pickle.load"),  # only with `--allow_pickle`
    ("scenario/formats.py", "keras.saving.load_model"),  # of what was written just before
    ("workers/context.py", "runpy.run_path"),  # the script of the user itself, in a worker
    ("workers/context.py", "runpy.run_module"),
    ("workers/ordered_map.py", "pickle.loads"),  # what processes of one program tell each other
    ("workers/payload.py", "pickle.loads"),
    ("workers/worker.py", "pickle.loads"),
}
FUNCTIONS = {
    *(
        "eval",
        "exec",
        "compile",
        "__import__",
        "importlib.import_module",
        "runpy.run_module",
        "runpy.run_path",
    ),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "shelve.open"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen", "tempfile.mktemp"),
}
# Methods of anything. The last three make classes of params of what is given, and import what it names.
METHODS = {
    *("import_module", "enable_unsafe_deserialization", "extractall", "load_model"),
    *("from_dict", "from_json", "schema"),
}
READERS_OF_OURS = {
    "TrainerState.from_dict",
    "StreamPosition.from_dict",
    "ScenarioBase.from_dict",
    "cls.from_dict",
}
ARGUMENTS = {("shell", "True"), ("safe_mode", "False"), ("allow_pickle", "True")}


def findings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of what is forbidden in a source text."""
    tree = ast.parse(source)
    full = dict(_imported_names(tree))
    late_imports = {
        node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_late_import(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and node not in late_imports:
            name = _full_name(node, full)
            if name in FUNCTIONS or (_last(name) in METHODS and _last(name, 2) not in READERS_OF_OURS):
                yield node.lineno, name
        elif isinstance(node, ast.keyword) and (node.arg, ast.unparse(node.value)) in ARGUMENTS:
            yield node.lineno, f"{node.arg}={ast.unparse(node.value)}"


def _is_late_import(call: ast.Call) -> bool:
    """Return whether `call` is `import_module` of a name that is written there."""
    is_import = ast.unparse(call.func).endswith("import_module")
    return is_import and bool(call.args) and isinstance(call.args[0], ast.Constant)


def _last(name: str, parts: int = 1) -> str:
    return ".".join(name.split(".")[-parts:])


def _imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _full_name(node: ast.expr, full: dict[str, str]) -> str:
    name = ast.unparse(node)
    first, dot, rest = name.partition(".")
    return f"{full.get(first, first)}{dot}{rest}"


def test_no_module_does_what_could_run_foreign_code():
    found = [
        (file.relative_to(ROOT).as_posix(), *found) for file in FILES for found in findings(file.read_text())
    ]

    assert not [f"{file}:{line}: {what}" for file, line, what in found if (file, what) not in REVIEWED]
    assert {(file, what) for file, _, what in found} == REVIEWED


@pytest.mark.parametrize(
    "line",
    [
        "eval('1')",
        "exec('1')",
        "__import__('os')",
        "import importlib\nimportlib.import_module(name)",
        "from importlib import import_module as get\nget(name)",
        "import pickle\npickle.load(f)",
        "from pickle import loads\nloads(b'')",
        "import pickle as p\np.Unpickler(f)",
        "import yaml\nyaml.load(f)",
        "import os\nos.system('ls')",
        "subprocess.run('ls', shell=True)",
        "np.load('x', allow_pickle=True)",
        "keras.saving.load_model('x')",
        "keras.config.enable_unsafe_deserialization()",
        "keras.models.load_model('x', safe_mode=False)",
        "archive.extractall()",
        "TrainerParams.from_dict(content)",
        "scenario.params_cls().from_json(text)",
        "tempfile.mktemp()",
    ],
)
def test_the_rule_finds(line):
    assert list(findings(line))


@pytest.mark.parametrize(
    "line", ["re.compile('x')", "model.compile()", "json.load(f)", "f.open()", "ScenarioBase.from_dict(d)"]
)
def test_the_rule_leaves_in_peace(line):
    assert not list(findings(line))
