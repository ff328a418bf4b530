"""An info file, from bytes to checked options."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath

from qm.jobinfo.cfg import read_cfg
from qm.jobinfo.limits import Limits
from qm.jobinfo.script import read_script
from qm.jobinfo.text import decode
from qm.jobinfo.validate import validate
from qm.model import JobInfo

MOST_WARNINGS = 50
"""Warnings that are kept; a person reads no more, and a record must stay small."""


def read_info(file: str, data: bytes, limits: Limits, now: datetime | None = None) -> JobInfo:
    """Read and check the info file ``file`` (its name in the job folder) with content ``data``.

    The suffix decides the format: ``.xml``; ``.cfg`` and ``.ini``; all others
    are scripts with directives. The caller reads text.READ_AT_MOST + 1 bytes
    at most. ``now`` carries a zone; a ``begin`` without a date needs it.
    Raises InfoError, which says file, line, what was found and what was expected.
    """
    suffix = PurePosixPath(file).suffix.lower()
    if suffix == ".xml":
        # Imported here: most jobs have no xml, and a parser takes a while to load.
        from qm.jobinfo.xml import declared_encoding, read_xml

        text = decode(file, data, declared_encoding(file, data))
        reading = read_xml(file, text.content)
    else:
        text = decode(file, data)
        if suffix in {".cfg", ".ini"}:
            reading = read_cfg(file, text.lines())
        else:
            reading = read_script(file, text, limits.max_processors)
    info = validate(file, reading, text.damaged, limits, now)
    return replace(info, warnings=_at_most(info.warnings))


def _at_most(warnings: tuple[str, ...]) -> tuple[str, ...]:
    more = len(warnings) - MOST_WARNINGS
    return warnings if more <= 0 else (*warnings[:MOST_WARNINGS], f"and {more} more warnings")
