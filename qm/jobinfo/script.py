"""The script format: directives in the head of the file that is run itself.

``#QM key : value`` is QM's own. ``#SBATCH`` and ``#PBS`` are read too, so that
a script that goes to a cluster runs here as it is. As in Slurm the head ends
before the first line that is neither blank nor a comment.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from qm.errors import InfoError
from qm.jobinfo.directives import Directive
from qm.jobinfo.interpreters import from_first_line, from_suffix
from qm.jobinfo.items import Item, Reading, item, place, quoted, refuse_duplicates, split_pair
from qm.jobinfo.pbs import read_pbs
from qm.jobinfo.slurm import read_slurm
from qm.jobinfo.text import Text
from qm.osops.shell import in_job_folder

_DIRECTIVE = re.compile(r"#(QM|SBATCH|PBS)(?:[ \t]+(.*))?", re.DOTALL)
_NEARLY = re.compile(r"[ \t]*#[ \t]*(QM|SBATCH|PBS)[ \t]+\S.*[:=-]", re.IGNORECASE)
_TAKES_ANY_LINE_END = frozenset({".bat", ".cmd", ".ps1", ".py"})


@dataclass(frozen=True, slots=True)
class _Head:
    """The directives of each kind, and warnings of lines that are none but look like it."""

    qm: list[Directive]
    sbatch: list[Directive]
    pbs: list[Directive]
    warnings: list[str]


def read_script(file: str, text: Text, max_processors: int) -> Reading:
    """The settings in the head of a script, and the command that runs it as ``script``.

    Raises InfoError with the line at fault.
    """
    if text.mark.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InfoError(
            file, None, "is UTF-16, which no shell reads", "UTF-8", "Save the script as UTF-8."
        )
    lines = text.lines()
    head = _head(file, lines)
    settings = _settings(file, head.qm)
    batch = _batch(file, head, max_processors)
    elsewhere = any(each.key == "cwd" and each.value for each in (*settings, *batch.items))
    own = Reading((_command(file, lines[0], elsewhere=elsewhere), *settings))
    warnings = [*_lint(file, text), *head.warnings]
    return _merged(file, own, batch, warnings)


def _head(file: str, lines: Sequence[str]) -> _Head:
    head = _Head([], [], [], [])
    kinds = {"QM": head.qm, "SBATCH": head.sbatch, "PBS": head.pbs}
    ended = 0
    late: list[int] = []
    for number, line in enumerate(lines, 1):
        match = _DIRECTIVE.fullmatch(line)
        if ended:
            if match and match[2]:
                late.append(number)
            continue
        if line.strip() and not line.lstrip().startswith("#"):
            ended = number
        elif match and match[2]:
            kinds[match[1]].append(Directive(number, match[2].strip()))
        elif nearly := _NEARLY.match(line):
            text = (
                f"{quoted(line.strip())} is a comment; an option begins with #{nearly[1].upper()}"
            )
            head.warnings.append(place(file, number, text))
    if late:
        text = (
            f"{quoted(lines[late[0] - 1])} is ignored, as options end before the first "
            f"command, on line {ended}"
        )
        more = f" (and {len(late) - 1} more such lines)" if len(late) > 1 else ""
        head.warnings.append(place(file, late[0], text + more))
    return head


def _settings(file: str, directives: Sequence[Directive]) -> list[Item]:
    items = []
    for each in directives:
        pair = split_pair(each.text)
        if pair is None:
            raise InfoError(file, each.line, quoted(f"#QM {each.text}"), "#QM key : value")
        found = item(*pair, each.line)
        if found.key == "script":
            raise InfoError(
                file,
                each.line,
                found.shown,
                "no script option, as this file is the script itself",
                "Take the line away, or put the options into a cfg file.",
            )
        items.append(found)
    refuse_duplicates(file, items)
    return items


def _command(file: str, first_line: str, *, elsewhere: bool) -> Item:
    """The command line that runs ``file`` of the job folder, whether executable or not;
    ``elsewhere``: not in that folder, but in the one that its ``cwd`` names.
    """
    interpreter = from_first_line(first_line) or from_suffix(file)
    # The shell that every POSIX system has there, whatever comes first on the path.
    if interpreter is None or interpreter == "sh":
        interpreter = "/bin/sh"
    script = in_job_folder(file) if elsewhere else shlex.quote("./" + file)
    return Item("script", f"{interpreter} {script}", 1, quoted(first_line))


def _batch(file: str, head: _Head, max_processors: int) -> Reading:
    if head.sbatch:
        if head.pbs:
            text = "#PBS is ignored, as the script has #SBATCH too"
            head.warnings.append(place(file, head.pbs[0].line, text))
        return read_slurm(file, head.sbatch, max_processors)
    return read_pbs(file, head.pbs, max_processors) if head.pbs else Reading(())


def _lint(file: str, text: Text) -> list[str]:
    """Warnings of what an interpreter will trip over."""
    warnings = []
    if text.mark:
        warnings.append(place(file, 1, "begins with a byte order mark, which a shell cannot read"))
    if PurePosixPath(file).suffix.lower() in _TAKES_ANY_LINE_END or "\r" not in text.content:
        return warnings
    line = text.content.replace("\r\n", "\n").partition("\r")[0].count("\n") + 1
    if "\r\n" in text.content:
        line = text.content.partition("\r\n")[0].count("\n") + 1
        what = "has Windows line ends (CRLF)"
    else:
        what = "has line ends of old Macs (CR), so for a shell it is all one line"
    advice = "the shell will trip over them; save the script with Unix line ends (LF)"
    return [*warnings, place(file, line, f"{what}; {advice}")]


def _merged(file: str, own: Reading, batch: Reading, warnings: Sequence[str]) -> Reading:
    """#QM lines with the options of a batch system; where both speak, #QM wins with a warning."""
    keys = {each.key: each for each in own.items}
    told = [*warnings, *batch.warnings]
    kept = []
    for each in batch.items:
        if each.key in keys:
            text = f"{each.shown} gives way to #QM {each.key} on line {keys[each.key].line}"
            told.append(place(file, each.line, text))
        else:
            kept.append(each)
    return Reading((*own.items, *kept), tuple(told), batch.dialect)
