"""What a mail says: its subject and its text. Pure but for reading the log's end."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from qm.jobfiles import LOG
from qm.model import Reason, State
from qm.notify.notice import Event, Notice, as_unicode
from qm.osops.fileend import read_end
from qm.quantities import format_duration
from qm.times import local_text, utc_seconds

LINES = 20
"""Lines of the log's end that a mail carries."""
_TAIL = 64 << 10
_LONGEST_LINE = 500
_LONGEST_NAME = 100
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_SHOWN_IDS = 20
_WORDS = {
    State.FINISHED: "has FINISHED",
    State.FAILED: "has FAILED",
    State.KILLED: "was KILLED",
    State.LOST: "is LOST: it vanished without a word about its end",
    State.REJECTED: "was REJECTED: it cannot be run as it is",
    State.ABORTED: "was ABORTED: a job that it depends on did not end as asked",
}


def subject(notice: Notice) -> str:
    """One line: ``QM: job 7 (name) FAILED, exit code 2``."""
    job = f"{notice.id} ({_short(notice.name)})"
    if notice.event is Event.TEST:
        return "QM: a test of its mail"
    if notice.event is Event.BRAKE:
        return f"QM: jobs like {job} keep failing, {len(notice.held)} on hold"
    why = _why(notice)
    return f"QM: job {job} {notice.state}{f', {why}' if why else ''}"


def body(notice: Notice, folder: str | None, host: str) -> str:
    """The text; ``folder`` is where the job lies now, None where it is gone."""
    parts = [_headline(notice), "\n".join(_facts(notice, folder, host))]
    if notice.event is not Event.TEST:
        parts.append(_log_part(folder))
    parts.append(f"-- \nQM on {one_line(host)}")
    return "\n\n".join(parts) + "\n"


def one_line(text: str) -> str:
    """``text`` with line ends and other characters that do not show as their escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in as_unicode(text)
    )


def _short(name: str) -> str:
    line = one_line(name)
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 1] + "…"


def _why(notice: Notice) -> str:
    """The reason in a few words: the whole of it is in the text."""
    if notice.exit_code:
        return f"exit code {notice.exit_code}"
    if notice.reason is None:
        return ""
    reason = Reason.parse(notice.reason)
    return one_line(reason.text if reason.word == "Signal" else reason.word)


def _headline(notice: Notice) -> str:
    job = f"job {notice.id} ({_short(notice.name)})"
    if notice.event is Event.TEST:
        return "This is a test: QM can send mail."
    if notice.event is Event.BRAKE:
        return (
            f"{len(notice.failed)} jobs of one script failed soon after their start, {job} the last"
            f" of them. QM holds the others, {len(notice.held)} now, until you release them:"
            f" qm release {notice.held[0] if notice.held else 'ID'}"
        )
    return f"J{job[1:]} {_WORDS.get(notice.state, f'has ended: {notice.state}')}."


def _facts(notice: Notice, folder: str | None, host: str) -> Iterator[str]:
    rows = [
        ("State", str(notice.state)),
        ("Reason", notice.reason),
        ("Exit code", None if notice.exit_code is None else str(notice.exit_code)),
        ("Attempt", str(notice.attempt) if notice.attempt > 1 else None),
        ("Failed", _ids(notice.failed)),
        ("On hold", _ids(notice.held)),
        ("Submitted", _local(notice.submitted)),
        ("Started", _local(notice.started)),
        ("Ended", _local(notice.ended)),
        ("Duration", None if notice.duration is None else format_duration(notice.duration)),
        ("Owner", notice.owner),
        ("Machine", host),
        ("Folder", folder or f"it is no longer there (it was to be {notice.folder})"),
    ]
    for name, value in rows if notice.event is not Event.TEST else rows[-2:]:
        if value:
            yield f"{name + ':':<11}{one_line(value)}"


def _ids(ids: tuple[int, ...]) -> str:
    more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
    return ", ".join(map(str, ids[:_SHOWN_IDS])) + more


def _local(utc: str | None) -> str | None:
    try:
        return None if utc is None else local_text(utc_seconds(utc))
    except ValueError:
        return utc


def _log_part(folder: str | None) -> str:
    if folder is None:
        return f"There is no {LOG} to read: the job's folder was moved away or deleted."
    try:
        data, whole = read_end(os.path.join(folder, LOG), _TAIL)
    except FileNotFoundError:
        return f"There is no {LOG} in the folder."
    except OSError as error:
        return f"{LOG} cannot be read: {error.strerror or 'it is not a plain file'}."
    lines, all_of_it = last_lines(data, whole)
    if not lines:
        return f"{LOG} is empty."
    what = LOG if all_of_it else f"The last {len(lines)} lines of {LOG}"
    return "\n".join([f"{what}:", "", *(f"    {line}" for line in lines)])


def last_lines(data: bytes, whole: bool, count: int = LINES) -> tuple[list[str], bool]:
    """The last lines of a log as a terminal would show them, and whether they are all of it.

    ``whole``: ``data`` is all of the log, so that its first line begins there.
    Colours are taken out; of a progress bar that wrote over itself the last
    state counts; long lines are cut.
    """
    text = _ESCAPE.sub("", data.decode("utf-8", "replace"))
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n") if text.strip("\r\n") else []
    if not whole and len(lines) > 1:
        lines = lines[1:]
    shown = [_as_shown(line) for line in lines[-count:]]
    return shown, whole and len(lines) <= count


def _as_shown(line: str) -> str:
    last = line.rstrip("\r").rpartition("\r")[2].expandtabs()
    plain = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in last
    )
    return plain if len(plain) <= _LONGEST_LINE else plain[:_LONGEST_LINE] + " …"
