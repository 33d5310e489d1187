"""The house: within a room no file imports, now or later, what imports it."""

from __future__ import annotations

import ast
import graphlib
import pathlib
from collections.abc import Iterator

import pytest

from tests.conftest import LONGEST

OLMIX = pathlib.Path(__file__).resolve().parent.parent / "olmix"
ROOMS = sorted(p.name for p in OLMIX.iterdir() if (p / "__init__.py").is_file())


def imported(file: pathlib.Path, known: dict[str, pathlib.Path]) -> Iterator[str]:
    """The modules that a file names in its imports, wherever they stand."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in (node.module, *inside) if name in known)


def circle(files: dict[str, pathlib.Path]) -> list[str]:
    """Modules that import each other in a circle, if there are any."""
    order = graphlib.TopologicalSorter({name: set(imported(file, files)) for name, file in files.items()})
    try:
        order.prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_of_a_room_imports_what_imports_it(room: str) -> None:
    files = {
        ".".join(file.relative_to(OLMIX.parent).with_suffix("").parts): file
        for file in (OLMIX / room).rglob("*.py")
        if file.name != "__init__.py"
    }
    assert len(files) > 5
    assert circle(files) == []


def test_a_circle_is_found(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.py").write_text("from x import b\n")
    (tmp_path / "b.py").write_text("def f():\n    from x.a import g\n")
    assert set(circle({f"x.{name}": tmp_path / f"{name}.py" for name in "ab"})) == {"x.a", "x.b"}


def test_the_files_that_are_run_first_are_there() -> None:
    tests = pathlib.Path(__file__).parent
    assert [name for name in LONGEST if not (tests / name).is_file()] == []
