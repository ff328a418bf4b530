"""The lines at the top: the folder, its manager, and what is in use. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.text import Text

from qm.dashboard.columns import fit
from qm.dashboard.rows import bar, size
from qm.dashboard.snapshot import Gauge, Machine, Manager, Snapshot
from qm.names import shown

_BAR = 8
_ALARM = "bold white on red"
_WARNING = "bold black on yellow"
_DAY = 86400.0

_Show = Callable[[float], str]


def standing(snapshot: Snapshot, width: int) -> Text:
    """The folder, and whether a manager serves it."""
    manager = snapshot.manager
    said, style = (" NOT RUNNING ", _ALARM) if manager is None else _runs(manager, snapshot.now)
    head = " QM "
    room = max(8, width - len(head) - len(said) - 2)
    path = shown(snapshot.root)
    folder = path if len(path) <= room else "…" + path[len(path) - room + 1 :]
    return Text.assemble((head, "bold"), fit(folder, room), " ", (said, style))


def _runs(manager: Manager, now: float) -> tuple[str, str]:
    since = "" if manager.since is None else f" since {_moment(manager.since, now)}"
    return f"running{since}", "green"


def _moment(moment: float, now: float) -> str:
    form = "%H:%M" if now - moment < _DAY else "%Y-%m-%d"
    return time.strftime(form, time.localtime(moment))


def gauges(machine: Machine) -> Text:
    """Processors in use by jobs, and the machine's processors, memory and load."""
    parts = [_gauge("jobs use", machine.processors, _whole, "proc")]
    if machine.gpus is not None:
        parts.append(_gauge("GPU", machine.gpus, _whole, ""))
    if machine.cpu_percent is not None:
        parts.append(f"cpu {machine.cpu_percent:.0f} %")
    if machine.memory is not None:
        parts.append(_gauge("mem", machine.memory, size, ""))
    if machine.load is not None:
        parts.append(f"load {machine.load:.2f}")
    return Text(" " + "  ".join(parts))


def _gauge(name: str, gauge: Gauge, text: _Show, unit: str) -> str:
    told = f" {unit}" if unit else ""
    if not gauge.total:
        return f"{name} {text(gauge.used)}{told}"
    drawn = bar(gauge.used / gauge.total, _BAR)
    return f"{name} {drawn} {text(gauge.used)}/{text(gauge.total)}{told}"


def notice(snapshot: Snapshot) -> Text | None:
    """What a person has to know or do; None where there is nothing of that kind."""
    if not snapshot.exists:
        return Text(f" There is no folder {shown(snapshot.root)}: `qm init` makes it.", _ALARM)
    if snapshot.manager is None:
        return Text(
            " No QM runs here: nothing is started. `qm serve` in another terminal starts it.",
            _ALARM,
        )
    if snapshot.manager.obstacle is not None:
        return Text(f" Nothing is started: {shown(snapshot.manager.obstacle)}", _WARNING)
    return None


def teaching(snapshot: Snapshot) -> str:
    """What to do where there are no jobs at all."""
    return (
        "No jobs: nothing waits or runs, and nothing has ended lately.\n\n"
        "A job is a folder with its files and one more, proc_config.cfg:\n\n"
        "    [QMOptions]\n"
        "    nb_proc : 1\n"
        "    script : python my_script.py\n\n"
        f"Copy it into {shown(snapshot.root)}/QM_qJobs,\n"
        "or say `qm submit FOLDER`. `qm demo` shows one from drop to done."
    )


def _whole(number: float) -> str:
    return f"{number:.0f}"
