"""The interface is what its OpenAPI file says: routes, and random requests of both roles."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.harness import Queue
from tests.web.served import Served, application, free_port, served, write_config
from web.api.openapi import FILE
from web.routing import role_of

EXAMPLES = 15
TIMEOUT = 540
"""Seconds; a machine that does nothing else needs a tenth of it."""
EXCEPTIONS = Path(__file__).parents[1] / "data" / "schemathesis.toml"
_VARIABLE = re.compile(r"<[^>]*>")
_PARAMETER = re.compile(r"\{[^}]*\}")
_METHODS = {"get", "post", "put", "patch", "delete"}
# As the page is started, but with no limit of changes and wrong tokens a minute: all are tested.
UNLIMITED = (
    "import web.access, web.app;"
    " web.app.CHANGES_A_MINUTE = web.access.WRONG_TOKENS_A_MINUTE = 10**6;"
    " from web.__main__ import main; main()"
)


def described() -> dict[tuple[str, str], dict[str, object]]:
    """The operations of the file, by method and path without the names of its parts."""
    paths = json.loads(FILE.read_bytes())["paths"]
    return {
        (method.upper(), _PARAMETER.sub("{}", path)): operation
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method in _METHODS
    }


def test_every_route_is_described_and_everything_described_is_a_route(tmp_path: Path) -> None:
    routes = {
        (route.method, _VARIABLE.sub("{}", route.rule))
        for route in application(tmp_path).routes
        if route.rule.startswith("/api/")
    }
    assert routes == set(described())


def test_the_file_says_which_role_an_operation_needs(tmp_path: Path) -> None:
    known = described()
    for route in application(tmp_path).routes:
        if route.rule.startswith("/api/"):
            operation = known[route.method, _VARIABLE.sub("{}", route.rule)]
            role = role_of(route)
            assert role is not None
            # Options of QMserv.cfg may ask for less or more than the usual role.
            said = str(operation["description"])
            if "Display_details" not in said and "Licence" not in said and "Delete" not in said:
                assert f"For: {role.name.lower()}." in said, (route.method, route.rule)


def test_all_that_the_file_refers_to_is_in_it() -> None:
    text = FILE.read_text(encoding="utf-8")
    document = json.loads(text)
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', text):
        found = document
        for part in reference.split("/"):
            assert part in found, reference
            found = found[part]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Served]:
    """A page with a manager behind it, and a job in each kind of state."""
    queue = Queue(tmp_path / "QM").start()
    try:
        queue.drop("done", "echo 1 / 2; echo hello")
        queue.wait_done("done")
        queue.drop("runs", "sleep 600")
        queue.wait_running("runs")
        queue.drop("held", "true", hold="yes")
        port = free_port()
        config = write_config(tmp_path / "web.cfg", queue.folder, port)
        command = [sys.executable, "-c", UNLIMITED, "--config", str(config)]
        with served(queue.folder, config, port, command) as page:
            yield page
    finally:
        queue.end_everything()


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT + 60)
@pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed"
)
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_random_requests_are_answered_as_the_file_says(
    page: Served, role: str, tmp_path: Path
) -> None:
    token = page.token()
    shown = token.secret if role == "operator" else token.viewer
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert program is not None
    # All checks are made, as usual; to name them would undo the exceptions.
    command = [program, "--config-file", str(EXCEPTIONS), "run"]
    command += [f"{page.origin}/api/v1/openapi.json", "-H", f"Authorization: Bearer {shown}"]
    # The events never end; they have tests of their own.
    command += ["--exclude-path", "/api/v1/events", "--phases", "coverage,fuzzing"]
    command += ["--max-examples", str(EXAMPLES), "--seed", "1", "--continue-on-failure"]
    command += ["--request-timeout", "30", "--generation-database", "none", "--no-color"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT)
    told = "\n".join(line[:500] for line in run.stdout.splitlines())
    assert run.returncode == 0, told[-6000:] + run.stderr[-2000:]
    assert re.search(r"Tested: +27", told), told[-3000:]
    assert page.ask("/healthz").status == 200
    assert "Traceback" not in page.said(), page.said()[-3000:]
