"""Every module can be imported on this system, whichever comes first."""

from __future__ import annotations

import json
import pkgutil

import pytest

import qm
from tests.contract.system_under_test import ON_WINDOWS, python

OTHER_SYSTEM = "qm.osops.posix_" if ON_WINDOWS else "qm.osops.windows_"
PURE = {"qm.osops.windows_names"}
pytestmark = pytest.mark.timeout(600)  # Each module is imported anew: slow where it is emulated.
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(qm.__path__, "qm.")
    if module.name in PURE or not module.name.startswith(OTHER_SYSTEM)
)
PROGRAM = """
import importlib, json, sys, traceback, warnings
warnings.simplefilter("error")
said = {}
for name in json.load(sys.stdin):
    for known in [known for known in sys.modules if known.split(".")[0] == "qm"]:
        del sys.modules[known]
    try:
        importlib.import_module(name)
        said[name] = ""
    except BaseException:
        said[name] = traceback.format_exc()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    output, _ = python("-c", PROGRAM).communicate(json.dumps(MODULES).encode())
    *prints, last = output.decode(errors="replace").strip().split("\n")
    assert prints == []
    return dict(json.loads(last))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_can_be_imported_first(name: str, said: dict[str, str]) -> None:
    assert said[name] == ""
