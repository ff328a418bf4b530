"""House rules that no linter knows."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_MODULE = 400

# Modules outside qm/osops that may ask which platform it is, and why.
MAY_ASK_THE_PLATFORM: dict[str, str] = {}

TEXT_SUFFIXES = frozenset(
    {".cfg", ".css", ".example", ".html", ".js", ".json", ".md", ".py"}
    | {".sh", ".toml", ".tpl", ".txt", ".xml", ".yml"}
)
NOT_OURS = frozenset({".git", ".venv", "build", "dist", "__pycache__", ".hypothesis"})
SOMEBODYS_HOME = re.compile(r"(?<![\w.$}])/(?:home|Users)/(?!me\b|you\b|user\b|runner\b)\w+")
BUILD_MACHINE = re.compile(r"(?<![\w.$}/])/(?:root|work)/\w+")


def python_files(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def shown(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), file)


def attributes(tree: ast.AST, module: str, name: str) -> Iterator[int]:
    """Lines that say ``module.name``, or import ``name`` from ``module``."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute):
                if (owner, attribute) == (module, name):
                    yield node.lineno
            case ast.ImportFrom(module=owner, names=imported):
                if owner == module and name in {alias.name for alias in imported}:
                    yield node.lineno


def bare_sleeps(tree: ast.AST, inside: str = "") -> Iterator[int]:
    """Lines that call sleep outside a function whose name begins with ``wait``."""
    for node in ast.iter_child_nodes(tree):
        name = node.name if isinstance(node, ast.FunctionDef) else inside
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sleep", "time.sleep"}:
            if inside.lstrip("_").startswith("wait"):
                continue
            yield node.lineno
        yield from bare_sleeps(node, name)


def public_without_docstring(tree: ast.Module) -> Iterator[str]:
    """Names of public functions and classes of a module that say nothing about themselves."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith("_") and not ast.get_docstring(node):
            yield node.name


@pytest.mark.parametrize("file", python_files("qm", "web", "bench"), ids=shown)
def test_a_module_is_a_small_room(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_MODULE, f"{shown(file)} has {lines} lines; split it by its nouns."


def test_only_osops_asks_which_platform_it_is() -> None:
    found = [
        f"{shown(file)} line {line}"
        for file in python_files("qm", "web", "bench", "sample_jobs")
        if not shown(file).startswith("qm/osops/") and shown(file) not in MAY_ASK_THE_PLATFORM
        for line in attributes(tree_of(file), "sys", "platform")
    ]
    assert not found, "\n".join(["sys.platform outside qm/osops:", *found])


def test_the_list_of_modules_that_may_ask_the_platform_has_no_dead_entries() -> None:
    for name in MAY_ASK_THE_PLATFORM:
        assert list(attributes(tree_of(ROOT / name), "sys", "platform")), name


def test_nobody_asks_os_name() -> None:
    found = [
        f"{shown(file)} line {line}"
        for file in python_files("qm", "web", "bench", "tests", "sample_jobs")
        for line in attributes(tree_of(file), "os", "name")
    ]
    assert not found, "\n".join(["os.name, which type checkers do not follow:", *found])


def test_tests_wait_on_facts_and_never_just_sleep() -> None:
    found = [
        f"{shown(file)} line {line}"
        for file in python_files("tests")
        if file.stem not in {"wait", "waiting"}
        for line in bare_sleeps(tree_of(file))
    ]
    assert not found, "\n".join(["sleep outside a helper named wait...:", *found])


def text_files() -> list[Path]:
    return sorted(
        file
        for file in ROOT.rglob("*")
        if file.suffix in TEXT_SUFFIXES or file.name == "run"
        if not NOT_OURS & set(file.relative_to(ROOT).parts) and file.is_file()
        if not any(part.endswith((".egg-info", "_cache")) for part in file.parts)
    )


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    found = []
    for file in text_files():
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
            if SOMEBODYS_HOME.search(line) or BUILD_MACHINE.search(line):
                found.append(f"{shown(file)} line {number}: {line.strip()}")
    assert not found, "\n".join(["absolute paths of one machine:", *found])


@pytest.mark.parametrize("file", python_files("qm"), ids=shown)
def test_what_is_public_says_what_it_is(file: Path) -> None:
    silent = list(public_without_docstring(tree_of(file)))
    assert not silent, f"{shown(file)}: no docstring: {', '.join(silent)}"


def test_ci_runs_every_python_that_the_metadata_promises() -> None:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    classifiers = setup["metadata"]["classifiers"]
    promised = set(re.findall(r"Python :: (3\.\d+)", classifiers))
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert promised and promised <= set(re.findall(r'"(3\.\d+)"', workflow))


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import time\ntime.sleep(1)", [2]),
        ("def test_x():\n    sleep(1)", [2]),
        ("def wait_until(x):\n    time.sleep(0.01)", []),
        ("def test_x():\n    def wait():\n        time.sleep(1)\n    time.sleep(2)", [4]),
        ("run('time.sleep(1)')", []),
    ],
)
def test_a_bare_sleep_is_found(source: str, lines: list[int]) -> None:
    assert list(bare_sleeps(ast.parse(source))) == lines


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import sys\nif sys.platform == 'win32': pass", [2]),
        ("from sys import platform", [1]),
        ("record.platform", []),
        ("'sys.platform'", []),
    ],
)
def test_a_question_for_the_platform_is_found(source: str, lines: list[int]) -> None:
    assert list(attributes(ast.parse(source), "sys", "platform")) == lines


def test_a_function_without_docstring_is_found() -> None:
    source = 'def told():\n    "Says it."\ndef silent(): ...\ndef _own(): ...\nclass Silent: ...'
    assert list(public_without_docstring(ast.parse(source))) == ["silent", "Silent"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cd " + "/home/" + "anna/jobs", True),
        ("/Users/" + "anna", True),
        ("/home/me/jobs", False),
        ("https://example.org/home/page", False),
        ("$HOME/home/x", False),
    ],
)
def test_an_absolute_home_path_is_found(text: str, found: bool) -> None:
    assert bool(SOMEBODYS_HOME.search(text)) is found
