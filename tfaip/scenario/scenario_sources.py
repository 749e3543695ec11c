"""Does a module define a scenario? Read from its source text, without importing it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tfaip.params.module_places import find_module

_OURS = "tfaip"
_BASES = ("ScenarioBase", "ListFileScenario")
_LARGEST_FILE = 2**22
_Origin = tuple[str, str]  # a module, and a name in it


def defines_scenario(module: str, name: str, place: Path) -> bool:
    """Return whether the source of `module` defines a class `name` that derives from a scenario of tfaip.

    Args:
        module: The name of the module.
        name: The name of the class.
        place: The file of the module; it must be its source.

    Raises:
        SyntaxError: The source is no Python.
    """
    source = _Source.read(module, place)
    return source is not None and name in source.bases and _is_scenario(source, name, set())


@dataclass
class _Source:
    """What a module defines and imports: names, without running it."""

    module: str
    bases: dict[str, list[ast.expr]] = field(default_factory=dict)
    imported: dict[str, _Origin] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, module: str, place: Path) -> "_Source | None":
        """Return what the file `place` holds; None if it is no source text."""
        if place.suffix != ".py" or not place.is_file() or place.stat().st_size > _LARGEST_FILE:
            return None
        tree = ast.parse(place.read_bytes(), str(place))
        source = cls(module)
        package = module if place.name == "__init__.py" else module.rpartition(".")[0]
        for statement in _statements(tree.body):
            source._take(statement, package)
        return source

    def _take(self, statement: ast.stmt, package: str) -> None:
        if isinstance(statement, ast.ClassDef):
            self.bases[statement.name] = statement.bases
        elif isinstance(statement, ast.Assign):
            self.bases.update({ast.unparse(target): [statement.value] for target in statement.targets})
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                # `import a.b` binds `a`, and its parts are found by walking down from there.
                bound = alias.asname or alias.name.partition(".")[0]
                self.modules[bound] = alias.name if alias.asname else bound
        elif isinstance(statement, ast.ImportFrom):
            home = _absolute(statement, package)
            for alias in statement.names:
                if alias.name == "*":
                    self.stars.append(home)
                else:
                    self.imported[alias.asname or alias.name] = (home, alias.name)

    def origins_of(self, base: ast.expr) -> Iterator[_Origin]:
        """Return where a base class may come from."""
        if isinstance(base, ast.Subscript):
            yield from self.origins_of(base.value)
        elif isinstance(base, ast.Attribute):
            path = ast.unparse(base.value)
            first, dot, rest = path.partition(".")
            if first in self.modules:
                yield f"{self.modules[first]}{dot}{rest}", base.attr
            if first in self.imported:
                yield f"{'.'.join(self.imported[first])}{dot}{rest}", base.attr
        elif isinstance(base, ast.Name):
            if base.id in self.imported:
                yield self.imported[base.id]
            elif base.id in self.bases:
                yield self.module, base.id
            else:
                yield from ((home, base.id) for home in self.stars)


def _is_scenario(source: _Source, name: str, seen: set[_Origin]) -> bool:
    """Return whether the class `name` of a module derives from a scenario of tfaip."""
    if (source.module, name) in seen:
        return False
    seen.add((source.module, name))
    if name in source.bases:
        origins = [origin for base in source.bases[name] for origin in source.origins_of(base)]
    else:  # a name that the module passes on
        origins = list(source.origins_of(ast.Name(name)))
    return any(_leads_to_scenario(source, *origin, seen) for origin in origins)


def _leads_to_scenario(source: _Source, module: str, name: str, seen: set[_Origin]) -> bool:
    if module.partition(".")[0] == _OURS:
        return name in _BASES
    if module == source.module:
        return _is_scenario(source, name, seen)
    place = find_module(module) if module else None
    try:
        found = None if place is None else _Source.read(module, place)
    except SyntaxError:
        return False
    return found is not None and _is_scenario(found, name, seen)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Return the statements that run when a module is imported, those in its conditions too."""
    for statement in body:
        yield statement
        for part in ("body", "orelse", "handlers", "finalbody"):
            if not isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _statements(getattr(statement, part, []))


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    """Return the full name of the module of `from ... import`."""
    if not statement.level:
        return statement.module or ""
    parts = package.split(".")
    home = parts[: len(parts) - statement.level + 1]
    return ".".join([*home, *([statement.module] if statement.module else [])])
