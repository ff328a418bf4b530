"""The layers of QM, and a reading of the real imports that keeps them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# The first line is the lowest. A module imports from lines above its own only;
# inside a package (osops, systems, cli, web) modules import each other freely.
# New modules are added here, on the lowest line that their imports allow.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"qm"}),
    frozenset({"qm.errors", "qm.hours", "qm.identity", "qm.names", "qm.quantities", "qm.times"})
    | {"qm.crashpoints", "qm.repeats"},
    frozenset({"qm.model", "qm.samples"}),
    frozenset({"qm.records"}),
    frozenset({"qm.osops"}),
    frozenset({"qm.faults", "qm.jobfiles", "qm.logfile", "qm.shims", "qm.usagefile", "qm.watch"}),
    frozenset({"qm.config", "qm.jobinfo", "qm.jobdir", "qm.jobenv", "qm.index"})
    | {"qm.history", "qm.progress", "qm.statefile"},
    frozenset({"qm.inspection", "qm.resources", "qm.rows", "qm.supervisor", "qm.webprocess"})
    | {"qm.notify", "qm.trash"},
    frozenset({"qm.policy", "qm.planner", "qm.drops", "qm.folders"}),
    frozenset({"qm.core"}),
    frozenset({"qm.effects", "qm.systems", "qm.control", "qm.service"}),
    frozenset({"qm.reactor", "qm.submit", "qm.view"}),
    frozenset({"qm.recovery", "qm.reconfigure"}),
    frozenset({"qm.checkup", "qm.cleaning", "qm.daemon", "qm.dashboard", "qm.demo", "qm.remote"}),
    frozenset({"web"}),
    frozenset({"qm.cli"}),
    frozenset({"qm.__main__"}),
)

# What decides is pure: it gets the time as an argument, and touches nothing.
PURE = (
    "qm.errors",
    "qm.hours",
    "qm.identity",
    "qm.quantities",
    "qm.records",
    "qm.model",
    "qm.planner",
    "qm.policy",
    "qm.progress",
    "qm.usagefile",
    "qm.core",
)
IMPURE_IMPORTS = frozenset(
    {"os", "pathlib", "psutil", "random", "shutil", "socket", "sqlite3", "subprocess"}
    | {"tempfile", "threading", "time", "watchdog"}
)

LEVEL = {unit: level for level, units in enumerate(LAYERS) for unit in units}


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the file and line, the module it is in, and the module it names."""

    file: Path
    line: int
    importer: str
    imported: str

    def __str__(self) -> str:
        place = f"{self.file.relative_to(ROOT).as_posix()} line {self.line}"
        return f"{place}: {self.importer} imports {self.imported}"


def module_name(file: Path, root: Path = ROOT) -> str:
    """qm/osops/tree.py is qm.osops.tree; qm/osops/__init__.py is qm.osops."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def unit_of(module: str) -> str:
    """The part of ``module`` that has a layer: web, or qm with one more name."""
    parts = module.split(".")
    return ".".join(parts[: 1 if parts[0] == "web" else 2])


def imports_in(source: str, file: Path, module: str, modules: frozenset[str]) -> list[Import]:
    """Every import statement in ``source``, also inside functions and under TYPE_CHECKING.

    ``modules`` are the known modules: they tell whether ``from qm import x``
    names the module qm.x or something in qm.
    """
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found = []
    for node in ast.walk(ast.parse(source, file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            inside = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name in modules else base for name in inside]
        else:
            continue
        found += [Import(file, node.lineno, module, name) for name in dict.fromkeys(names)]
    return found


def source_files() -> list[Path]:
    return sorted(file for package in ("qm", "web") for file in (ROOT / package).rglob("*.py"))


MODULES = frozenset(module_name(file) for file in source_files())
IMPORTS = [
    found
    for file in source_files()
    for found in imports_in(file.read_text(encoding="utf-8"), file, module_name(file), MODULES)
]


def breaks_the_layers(found: Import) -> bool:
    """True for an import that goes up, or sideways out of its package."""
    above, below = unit_of(found.importer), unit_of(found.imported)
    if above == below or found.imported.split(".")[0] not in {"qm", "web"}:
        return False
    return above not in LEVEL or below not in LEVEL or LEVEL[below] >= LEVEL[above]


@pytest.mark.parametrize("unit", sorted({unit_of(module) for module in MODULES}))
def test_every_module_has_a_layer(unit: str) -> None:
    assert unit in LEVEL, (
        f"{unit} has no layer: add it to LAYERS in tests/unit/test_layers.py, "
        "on the lowest line that its imports allow."
    )


def test_imports_go_down_only() -> None:
    wrong = [
        f"{found} (layer {LEVEL.get(unit_of(found.importer))}"
        f" from layer {LEVEL.get(unit_of(found.imported))})"
        for found in IMPORTS
        if breaks_the_layers(found)
    ]
    assert not wrong, "\n".join(["imports must go down:", *wrong])


def test_qm_itself_imports_nothing() -> None:
    assert [str(found) for found in IMPORTS if found.importer == "qm"] == []


def test_the_program_does_not_import_its_tests_or_benchmarks() -> None:
    outside = {"bench", "sample_jobs", "tests"}
    assert [str(f) for f in IMPORTS if f.imported.split(".")[0] in outside] == []


@pytest.mark.parametrize("unit", PURE)
def test_what_decides_has_no_clock_and_touches_nothing(unit: str) -> None:
    impure = [
        str(found)
        for found in IMPORTS
        if unit_of(found.importer) == unit and found.imported.split(".")[0] in IMPURE_IMPORTS
    ]
    assert not impure, "\n".join([f"{unit} must stay pure:", *impure])


SAMPLE_MODULES = frozenset({"qm", "qm.model", "qm.osops", "qm.osops.tree", "qm.core", "web.app"})


@pytest.mark.parametrize(
    ("file", "source", "imported"),
    [
        ("qm/core.py", "from qm.model import State", ["qm.model"]),
        ("qm/core.py", "from qm import model", ["qm.model"]),
        ("qm/core.py", "from qm import __version__", ["qm"]),
        ("qm/core.py", "import qm.model as m", ["qm.model"]),
        ("qm/core.py", "from . import model", ["qm.model"]),
        ("qm/core.py", "from .osops import tree, clock", ["qm.osops.tree", "qm.osops"]),
        ("qm/osops/tree.py", "from ..model import State", ["qm.model"]),
        ("qm/osops/__init__.py", "from . import tree", ["qm.osops.tree"]),
        ("qm/osops/__init__.py", "from .tree import ends", ["qm.osops.tree"]),
        ("qm/core.py", "def f():\n    import web.app", ["web.app"]),
        ("qm/core.py", "if TYPE_CHECKING:\n    from web.app import x", ["web.app"]),
    ],
)
def test_imports_are_read_in_every_form(file: str, source: str, imported: list[str]) -> None:
    path = ROOT / file
    found = imports_in(source, path, module_name(path), SAMPLE_MODULES)
    assert [one.imported for one in found] == imported


@pytest.mark.parametrize(
    ("importer", "imported", "wrong"),
    [
        ("qm.core", "qm.model", False),
        ("qm.model", "qm.core", True),
        ("qm.drops", "qm.policy", True),
        ("qm.osops.tree", "qm.osops.scan", False),
        ("qm.daemon", "web.app", True),
        ("web.app", "qm.control", False),
        ("qm.core", "json", False),
        ("qm.core", "qm.no_such_layer", True),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_found(
    importer: str, imported: str, wrong: bool
) -> None:
    assert breaks_the_layers(Import(ROOT / "qm" / "x.py", 1, importer, imported)) is wrong
