"""docs/SECURITY.md names the tests that show what it says."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "SECURITY.md"


def test_every_protection_names_tests_that_are_there() -> None:
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    for line in table[2:]:
        named = re.findall(r"`(test_\w+)`", line.rstrip("| ").rpartition("|")[2])
        assert named, line
        for name in named:
            assert (ROOT / "tests" / "web" / f"{name}.py").is_file(), name
    assert len(table) > 10
