"""When is a drop complete: the rule, as a function of what was seen and when. No I/O.

Quiet counts in two ways. By the file system's own clock: since the newest
inner ctime, which no copy program can set back, and which a rename of the
folder leaves alone; so a folder that was moved in is complete at first sight.
By our monotonic clock: since a look last differed from the one before; it
bears jumps of the clock and times in the future. Either one suffices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from qm.errors import InfoError
from qm.inspection import Inspection, Kind, Usable
from qm.model import JobInfo, Reason
from qm.names import shown
from qm.osops.scanning import Scan

LONGEST_SETTLE = 60.0
_FUTURE = 2_000_000_000
_ONLY_CTIMES = 60.0
_PARTIAL_PATIENCE = 600.0
_MAYBE_PARTIAL_PATIENCE = 60.0
_READY_PATIENCE = 3600.0
_GAPS = 3.0
_COPY_SHARE = 0.1
_SCAN_SHARE = 20.0
_SOONEST = 0.02
_RECHECK = 1.0
_FAULT_RECHECK = 5.0
_READY = re.compile(rb"^\s*(files|bytes)\s*[=:]\s*(\d{1,18})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rules:
    """The times of the options, in seconds, and what the start-up test found."""

    settle: float = 2.0
    refuse_after: float = 30.0
    empty_after: float = 600.0
    trust_ctime: bool = True


@dataclass(slots=True)
class Settling:
    """What is remembered of one drop from look to look. Times are monotonic seconds."""

    first_seen: float
    changed_at: float
    content_changed_at: float
    looked_at: float
    """The latest look."""
    fingerprint: int | None = None
    content_fingerprint: int | None = None
    quiet_before: float = 0.0
    longest_gap: float = 0.0
    committed: bool = False
    """It was renamed from a dot-name, or ``qm submit`` sealed it."""
    blocked_since: float | None = None
    """Since when a partial name, or a ready file that does not fit, holds it up."""
    age: float = 0.0
    """Seconds since the newest change by the file system's clock, as believed at that look."""

    @classmethod
    def begin(cls, now: float, *, committed: bool = False) -> Settling:
        """A drop that is seen for the first time."""
        return cls(now, now, now, now, committed=committed)


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet; look again ``after`` seconds."""

    reason: Reason
    after: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """It will never do."""

    reason: Reason
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """Complete and usable."""

    info: JobInfo
    fingerprint: int


Verdict = Wait | Refuse | Ready


def judge(drop: Settling, seen: Inspection, now: float, rules: Rules) -> Verdict:
    """What this look means; ``drop`` is brought up to date."""
    if seen.kind is not Kind.FOLDER:
        return Wait(_not_a_folder(seen), LONGEST_SETTLE)
    scan = seen.scan
    if scan is None and seen.fault is not None:
        return Wait(seen.fault, _FAULT_RECHECK)
    if scan is None:
        why = seen.problem or "it cannot be looked at"
        owner = f" (it belongs to {seen.owner})" if seen.owner else ""
        return Wait(Reason("Stuck", f"the folder cannot be read: {why}{owner}"), LONGEST_SETTLE)
    quiet = _note(drop, scan, now, rules)
    settle = _settle_time(drop, seen, now, rules)
    again = max(_SOONEST, settle - quiet, _SCAN_SHARE * scan.seconds)
    if scan.hold:
        return Wait(
            Reason("Hold", "the file .qm-hold is in the folder; remove it to go on"),
            max(_RECHECK, _SCAN_SHARE * scan.seconds),
        )
    sealed = drop.committed
    if scan.ready is not None:
        held_up = _ready_file(drop, scan, now)
        if held_up is not None:
            return held_up
        sealed = True
    if quiet < settle and not sealed:
        return Wait(Reason("Settling", _progress(scan, quiet, settle)), again)
    return (
        _being_written(scan, settle)
        or (None if sealed else _partial_names(drop, scan, quiet, settle, now))
        or _unusable(drop, scan, quiet, settle, now, rules)
        or _usable(drop, seen, scan, quiet, settle, now, rules)
    )


def _note(drop: Settling, scan: Scan, now: float, rules: Rules) -> float:
    """Remember this look; returns the quiet so far, in seconds."""
    first = drop.fingerprint is None
    if drop.fingerprint != scan.fingerprint:
        if not first:
            # It was quiet for so long, and then went on: the copy makes such pauses. How long
            # a folder that was moved in had lain elsewhere says nothing about that.
            gap = min(drop.quiet_before, drop.looked_at - drop.first_seen)
            drop.longest_gap = max(drop.longest_gap, gap)
            drop.age = 0.0
        drop.fingerprint = scan.fingerprint
        drop.changed_at = now
    if drop.content_fingerprint != scan.content_fingerprint:
        drop.content_fingerprint = scan.content_fingerprint
        drop.content_changed_at = now
    quiet = now - drop.changed_at
    if now - drop.content_changed_at > _ONLY_CTIMES:
        quiet = max(quiet, now - drop.content_changed_at)
    age = scan.fs_now - scan.newest_change
    if rules.trust_ctime and age > -_FUTURE:
        # Not more than it can have grown since the look before: a clock that is set forward,
        # or a machine that slept, makes everything look old in the middle of a copy.
        drop.age = age / 1e9 if first else min(age / 1e9, drop.age + now - drop.looked_at)
        quiet = max(quiet, drop.age)
    drop.looked_at = now
    drop.quiet_before = quiet
    return quiet


def _settle_time(drop: Settling, seen: Inspection, now: float, rules: Rules) -> float:
    asked = rules.settle
    if isinstance(seen.found, Usable):
        asked = max(asked, seen.found.info.options.settle or 0.0)
    copied_for = drop.changed_at - drop.first_seen
    grown = max(_GAPS * drop.longest_gap, _COPY_SHARE * copied_for)
    return max(asked, min(grown, LONGEST_SETTLE))


def _ready_file(drop: Settling, scan: Scan, now: float) -> Wait | Refuse | None:
    """``.qm-ready`` says how many files and bytes belong here; None where they are here."""
    counts = {key: int(number) for key, number in _READY.findall(scan.ready or b"")}
    wanted, size = counts.get(b"files"), counts.get(b"bytes")
    if wanted is None:
        text = ".qm-ready has no line `files=N` (and `bytes=N`)"
    elif wanted != scan.files:
        text = f".qm-ready says {wanted} files, {scan.files} are here"
    elif size is not None and size != scan.size:
        text = f".qm-ready says {size} bytes, {scan.size} are here"
    else:
        drop.blocked_since = None
        return None
    if _blocked_for(drop, now) > _READY_PATIENCE:
        return Refuse(Reason("Incomplete", text), "Copy the folder again, or remove .qm-ready.")
    return Wait(Reason("Incomplete", text), max(_RECHECK / 4, _SCAN_SHARE * scan.seconds))


def _being_written(scan: Scan, settle: float) -> Wait | None:
    if scan.writer is None:
        return None
    text = f"{shown(scan.writer)} is still being written"
    return Wait(Reason("Copying", text), max(_SOONEST, _again(scan, settle) / 4))


def _again(scan: Scan, settle: float) -> float:
    return max(settle, _SCAN_SHARE * scan.seconds)


def _partial_names(
    drop: Settling, scan: Scan, quiet: float, settle: float, now: float
) -> Wait | Refuse | None:
    """Names of files that are still being copied. Who says that the drop is complete is believed:
    a sealed one is not asked."""
    partial = scan.partial or scan.maybe_partial
    if partial is None:
        drop.blocked_since = None
        return None
    patience = _PARTIAL_PATIENCE if scan.partial else _MAYBE_PARTIAL_PATIENCE
    if min(quiet, _blocked_for(drop, now)) < patience:
        text = f"{shown(partial)} is the name of a file that is still being copied"
        return Wait(Reason("Copying", text), _again(scan, settle))
    if scan.partial is None:
        return None
    return Refuse(
        Reason("Interrupted", f"{shown(partial)} was left by a copy that did not end"),
        "Copy the folder again, or remove that file.",
    )


def _unusable(
    drop: Settling, scan: Scan, quiet: float, settle: float, now: float, rules: Rules
) -> Verdict | None:
    """A folder that cannot be read, or that holds nothing."""
    if scan.unreadable is not None:
        text = f"cannot look into {shown(scan.unreadable)}"
        return _grace(
            drop, Reason("Unreadable", text), "Give QM's user the right to read it.",
            quiet, settle, now, rules.refuse_after,
        )  # fmt: skip
    if scan.entries == 0:
        return _grace(
            drop, Reason("Empty", "nothing is in the folder yet"), "Drop a folder with a job.",
            quiet, settle, now, rules.empty_after,
        )  # fmt: skip
    return None


def _usable(
    drop: Settling,
    seen: Inspection,
    scan: Scan,
    quiet: float,
    settle: float,
    now: float,
    rules: Rules,
) -> Verdict:
    found = seen.found
    if isinstance(found, Usable) and not found.missing:
        return Ready(found.info, scan.fingerprint)
    if isinstance(found, Usable):
        reason = Reason("NoScript", f"{shown(found.missing[0])}, which the job runs, is not here")
        hint = f"Put it into the folder, or correct `script` in {found.info.file}."
    elif isinstance(found, InfoError):
        reason, hint = Reason("BadInfo", found.message), found.hint
    else:
        message, hint = seen.none_found
        reason = Reason("NoInfo", message or "there is no info file in the folder")
    return _grace(drop, reason, hint, quiet, settle, now, rules.refuse_after)


def _grace(
    drop: Settling,
    reason: Reason,
    hint: str,
    quiet: float,
    settle: float,
    now: float,
    patience: float,
) -> Verdict:
    """It may still come: refused only after a long quiet that was seen here."""
    allowed = max(patience, 10 * settle)
    waited = min(quiet, now - drop.first_seen)
    left = allowed - waited
    if left <= 0:
        return Refuse(reason, hint)
    text = f"{reason.text}; refused in {left:.0f} s unless it changes"
    return Wait(Reason(reason.word, text), max(_SOONEST, min(left, settle)))


def _blocked_for(drop: Settling, now: float) -> float:
    if drop.blocked_since is None:
        drop.blocked_since = now
    return now - drop.blocked_since


def _progress(scan: Scan, quiet: float, settle: float) -> str:
    files = "1 file" if scan.files == 1 else f"{scan.files} files"
    return f"last change {max(quiet, 0):.1f} s ago, {files}; complete after {settle:.1f} s of quiet"


def _not_a_folder(seen: Inspection) -> Reason:
    if seen.kind is Kind.LINK:
        text = "this is a link; copy the folder itself, or use qm submit"
    elif seen.kind is Kind.FILE:
        text = "this is a file; a job is a folder (qm submit takes a script)"
    else:
        text = "this is neither a folder nor a file"
    return Reason("NotAFolder", text)
