"""The page of one job as data: all of it text for a person. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from qm.model import END_STATES, KILL_WORDS, JobOptions, State
from qm.names import shown
from qm.quantities import format_duration, format_size
from qm.submit import caller_environment
from qm.times import known_seconds
from qm.view import Entry
from web.earlier import RUNS
from web.jobfacts import JobFacts, finished
from web.pages.cells import (
    Button,
    EndedRow,
    RunningRow,
    WaitingRow,
    WhyNot,
    brief,
    ended_row,
    running_row,
    short_size,
    waiting_row,
)
from web.templates import href

_USUAL_RUNS = 5
_DEFAULTS = {field.name: field.default for field in fields(JobOptions)}
_DURATIONS = frozenset({"walltime", "retry_delay", "settle"})
_EXIT_CODES = {
    126: "the shell could not execute the command",
    127: "the shell did not find the command",
}
_SIGNALS = {
    "SIGKILL": "somebody, or the system where memory ran out, ended it at once",
    "SIGSEGV": "the program touched memory that is not its own",
    "SIGTERM": "somebody asked it to end",
}
_ENDED_WORDS = {
    State.FINISHED: "It ended well.",
    State.FAILED: "It failed.",
    State.KILLED: "It was stopped.",
    State.CANCELLED: "It was cancelled before it ran.",
    State.ABORTED: "It did not run: what it had to wait for ended otherwise.",
    State.REJECTED: "QM could not take it as a job.",
    State.LOST: "QM does not know how it ended.",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a list: a word, what it is, and more of it in a tooltip."""

    word: str
    text: str
    title: str = ""
    is_time: bool = False
    """``text`` is a UTC time."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An earlier attempt, or an earlier job of the same name."""

    address: str
    label: str
    state: str
    reason: str
    started: str | None
    took: str
    ended: str | None
    cpu: str
    """Processor time."""
    memory: str
    """At most."""


@dataclass(frozen=True, slots=True)
class JobView:
    """What is shown of a job beside its log."""

    id: int
    name: str
    info: str
    state: str
    row: RunningRow | WaitingRow | EndedRow
    runs: bool
    ended: bool
    attempt: int
    head: tuple[Fact, ...]
    story: tuple[str, ...]
    """Why it waits, or how it ended, in sentences."""
    usual: str
    """How long it usually takes; empty where nobody knows, or its progress tells."""
    command: str
    folder: str
    options: tuple[Fact, ...]
    environment: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    earlier: tuple[Attempt, ...]
    resources: tuple[Fact, ...]
    manager_runs: bool

    @property
    def title(self) -> str:
        """Of the browser's tab."""
        if isinstance(self.row, RunningRow) and self.row.percent:
            return f"{self.row.percent} {self.name} – QM"
        return f"{self.name} {self.state} – QM"

    @property
    def share(self) -> str:
        """Of the ring in the browser's tab: from 0 to 1."""
        fraction = self.row.fraction if isinstance(self.row, RunningRow) else None
        return "" if fraction is None else str(fraction)

    @property
    def buttons(self) -> tuple[Button, ...]:
        """What can be done with it."""
        return self.row.buttons


def job_view(facts: JobFacts, why_not: WhyNot) -> JobView:
    """The page for these facts; ``why_not`` tells what may not be done."""
    entry, told = facts.entry, facts.details
    options: Mapping[str, Any] = told.get("options") or {}
    row = _row(facts, why_not)
    runs = isinstance(row, RunningRow)
    return JobView(
        id=entry.id or 0,
        name=shown(entry.name),
        info=shown(entry.info or ""),
        state=entry.state.lower(),
        row=row,
        runs=runs,
        ended=entry.ended is not None,
        attempt=entry.attempt,
        head=_head(facts, row),
        story=_story(facts),
        usual=_usual(facts) if isinstance(row, RunningRow) and row.fraction is None else "",
        command=shown(str(options.get("script", ""))),
        folder=shown(str(told.get("folder") or "")),
        options=_options(told, options),
        environment=_environment(options),
        notes=tuple(shown(str(note)) for note in told.get("notes", ())),
        attempts=_attempts(entry, told.get("attempts", ())),
        earlier=tuple(_of_entry(one, entry.name) for one in facts.earlier),
        resources=_resources(facts),
        manager_runs=facts.manager_runs,
    )


def _row(facts: JobFacts, why_not: WhyNot) -> RunningRow | WaitingRow | EndedRow:
    entry = facts.entry
    if entry.ended is not None or entry.state in END_STATES:
        return ended_row(entry, why_not)
    if entry.state in (State.RUNNING, State.SUSPENDED):
        took = _took(facts.earlier)[:RUNS]
        return running_row(entry, facts.activity, facts.now, why_not, took)
    return waiting_row(entry, facts.now, why_not)


def _head(facts: JobFacts, row: RunningRow | WaitingRow | EndedRow) -> tuple[Fact, ...]:
    entry = facts.entry
    found = [Fact("Owner", row.owner)]
    if isinstance(row, RunningRow):
        found.append(Fact("Left", row.left, row.left_title))
        found.append(Fact("Elapsed", row.elapsed))
    if isinstance(row, EndedRow):
        found.append(Fact("Took", row.took))
        found.append(Fact("Ended", entry.ended or "", is_time=True))
    if isinstance(row, WaitingRow):
        found.append(Fact("Waits", row.waits))
        found.append(Fact("Starts", entry.expected_start or "", "expected", is_time=True))
    else:
        found.append(Fact("Started", entry.started or "", is_time=True))
        found.append(Fact("Waited", _span(entry.submitted, entry.started)))
    if entry.exit_code is not None:
        found.append(Fact("Exit code", str(entry.exit_code)))
    if entry.signal is not None:
        found.append(Fact("Signal", shown(entry.signal)))
    found.append(Fact("Attempt", str(entry.attempt) if entry.attempt > 1 else ""))
    return tuple(fact for fact in found if fact.text)


def _story(facts: JobFacts) -> tuple[str, ...]:
    entry = facts.entry
    word, _, text = (entry.reason or "").partition(": ")
    if entry.ended is None and entry.state not in END_STATES:
        waits = entry.state in (State.QUEUED, State.HELD)
        return (f"{'It waits' if waits else 'Note'}: {shown(text or word)}.",) if word else ()
    said = [_ENDED_WORDS.get(State(entry.state), "")]
    code = entry.exit_code
    if word == "ExitCode" or (code is not None and not word):
        meaning = _EXIT_CODES.get(code or 0)
        said.append(f"Its exit code is {code}{f': {meaning}' if meaning else ''}.")
    elif word == "Signal":
        meaning = _SIGNALS.get(text)
        said.append(f"Signal {shown(text)} ended it{f': {meaning}' if meaning else ''}.")
    elif word:
        told = text[:1].upper() + text[1:] if word in KILL_WORDS else f"{word}: {text}"
        said.append(f"{shown(told)}.")
    return tuple(sentence for sentence in said if sentence)


def _usual(facts: JobFacts) -> str:
    known = _took(facts.earlier)[:_USUAL_RUNS]
    if not known:
        return ""
    runs = "its last run" if len(known) == 1 else f"{len(known)} earlier runs"
    return f"usually {brief(statistics.median(known))}, by {runs}"


def _took(earlier: tuple[Entry, ...]) -> list[float]:
    """How long those that ended well took, the newest first."""
    spans = [_seconds(one.started, one.ended) for one in finished(earlier)]
    return [seconds for seconds in spans if seconds is not None]


def _options(told: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[Fact, ...]:
    """What differs from the default, and what was changed beside the info file."""
    changed = {str(name): str(text) for name, text in told.get("changes", ())}
    found = []
    for name, value in options.items():
        if name in ("script", "env") or value == _DEFAULTS.get(name):
            continue
        note = "set beside the info file" if name in changed else ""
        found.append(Fact(name, _value(name, value), note))
    for name, key in (("cpus", "pinned to processors"), ("gpus", "GPUs")):
        if told.get(name):
            found.append(Fact(key, ", ".join(map(str, told[name]))))
    return tuple(found)


def _value(name: str, value: Any) -> str:
    if name == "mem" and isinstance(value, int):
        return format_size(value)
    if name in _DURATIONS and isinstance(value, int | float):
        return format_duration(float(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(shown(str(one)) for one in value)
    return shown(str(value))


def _environment(options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The variables that the job sets itself; what looks like a secret by its name is hidden."""
    given = {str(name): str(value) for name, value in options.get("env") or ()}
    public = caller_environment(given)
    return tuple(
        (shown(name), shown(public[name]) if name in public else "(hidden)") for name in given
    )


def _attempts(entry: Entry, attempts: Any) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            address=href("job", entry.id or 0, run=one["attempt"]),
            label=f"attempt {one['attempt']}",
            state=str(one["state"] or "").lower(),
            reason=shown(str(one["reason"] or "").partition(": ")[2]),
            started=one["started"],
            took=_span(one["started"], one["ended"]),
            ended=one["ended"],
            **_used(one["cpu_seconds"], one["peak_memory"]),
        )
        for one in attempts
    )


def _of_entry(entry: Entry, name: str) -> Attempt:
    """An earlier job; its name is told where another number is behind it than behind ``name``."""
    label = f"job {entry.id}" if entry.name == name else entry.label
    return Attempt(
        address=href("job", entry.id or 0),
        label=f"{label}, attempt {entry.attempt}" if entry.attempt > 1 else label,
        state=entry.state.lower(),
        reason=shown((entry.reason or "").partition(": ")[2]),
        started=entry.started,
        took=_span(entry.started, entry.ended),
        ended=entry.ended,
        **_used(entry.cpu_seconds, entry.peak_memory),
    )


def _used(cpu_seconds: float | None, peak_memory: int | None) -> dict[str, str]:
    return {
        "cpu": "" if cpu_seconds is None else brief(cpu_seconds),
        "memory": short_size(peak_memory) if peak_memory else "",
    }


def _resources(facts: JobFacts) -> tuple[Fact, ...]:
    entry, activity = facts.entry, facts.activity
    asked = f"{entry.nb_proc} {'processor' if entry.nb_proc == 1 else 'processors'}"
    if entry.mem is not None:
        asked += f", {format_size(entry.mem)}"
    if entry.nb_gpu:
        asked += f", {entry.nb_gpu} GPU{'s' if entry.nb_gpu > 1 else ''}"
    found = [Fact("Asked for", asked if entry.nb_proc is not None else "")]
    if activity.cpu_percent is not None:
        found.append(Fact("Processors now", f"{activity.cpu_percent / 100:.2f}"))
    if activity.memory is not None:
        found.append(Fact("Memory now", format_size(activity.memory)))
    if entry.cpu_seconds is not None:
        found.append(Fact("Processor time", format_duration(round(entry.cpu_seconds, 1))))
        took = _seconds(entry.started, entry.ended)
        if took:
            found.append(Fact("Processors on average", f"{entry.cpu_seconds / took:.2f}"))
    if entry.peak_memory:
        found.append(Fact("Memory at most", format_size(entry.peak_memory)))
    return tuple(fact for fact in found if fact.text)


def _span(start: str | None, end: str | None) -> str:
    seconds = _seconds(start, end)
    return "" if seconds is None else brief(seconds)


def _seconds(start: str | None, end: str | None) -> float | None:
    begin, until = known_seconds(start), known_seconds(end)
    return None if begin is None or until is None else max(0.0, until - begin)
