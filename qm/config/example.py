"""QMserv.cfg.example, written from the option table.

``python -m qm.config.example > QMserv.cfg.example`` writes it anew.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from itertools import groupby

from qm.config.options import Option, options

WIDTH = 88

_HEAD = """\
QMserv.cfg: the settings of QM. Here every option has its default, so a line that you leave
out changes nothing. QM reads the file named by --config or by the environment variable
QM_CONFIG, else QMserv.cfg in the current folder, else the one in your configuration folder.
An option is written as name : value or name = value, in upper or lower case. A comment starts
with # or ;, at the start of a line or after a space. A change counts from the next start."""


def render_example() -> str:
    """The text of QMserv.cfg.example: each option with its help and its default."""
    lines = list(_comment(_HEAD.replace("\n", " ")))
    for section, members in groupby(options(), key=lambda option: option.section):
        lines += ["", f"[{section}]"]
        for option in members:
            lines += ["", *_lines(option)]
    return "\n".join(lines) + "\n"


def _lines(option: Option) -> Iterator[str]:
    yield from _comment(option.help)
    yield from _comment(f"({option.kind.word}; default: {option.default})")
    yield f"{option.name} : {option.default}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


if __name__ == "__main__":
    sys.stdout.write(render_example())
