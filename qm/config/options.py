"""The option table: every option of QMserv.cfg, once.

Each line of :class:`Config`, :class:`~qm.config.web.WebConfig` and
:class:`~qm.config.mail.MailConfig` is one option: the attribute and its type for the program, and
the name, kind, default and help for people.
The parser, the checks, the help and QMserv.cfg.example are all made from it;
a new option is one more line.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from qm.config.entry import option as _option
from qm.config.kinds import (
    DAY,
    FOLDER,
    HOUR,
    HOURS,
    MIB,
    NAMES,
    SWITCH,
    TEXT,
    WEB_ADDRESS,
    Kind,
    choice,
    duration,
    or_processors,
    or_word,
    size,
    subset,
    whole,
)
from qm.config.mail import MailConfig
from qm.config.web import WebConfig
from qm.hours import Hours


@dataclass(frozen=True, slots=True)
class Option:
    """One option as people see it; ``field`` is its attribute in the section's class."""

    section: str
    name: str
    kind: Kind[Any]
    default: str
    help: str
    field: str


class HelpRow(NamedTuple):
    """An option for a page of help: all of it text."""

    section: str
    name: str
    type: str
    default: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What QM goes by: ``[QMServer]``, with ``[Mail]`` in ``mail``, ``[WEB_QMserver]`` in ``web``.

    Times are in seconds, sizes in bytes. ``Config()`` has all defaults.
    """

    SECTION: ClassVar[str] = "QMServer"

    folder: Path = _option(
        "QM_FOLDER",
        FOLDER,
        "~/QM",
        "The folder that holds QM_qJobs, QM_Jobs, QM_dJobs and QM_lost+found. A relative path"
        " starts at the folder of this file. --folder and the environment variable QM_FOLDER"
        " win over it.",
    )
    max_nb_processors: int = _option(
        "MaxNbProcessors",
        or_processors(whole(1, 100_000)),
        "auto",
        "The processors that QM uses in all, and at most for one job. auto: those of the machine.",
    )
    blocking: bool = _option(
        "launch_type",
        choice({"blocking": True, "non-blocking": False}),
        "non-blocking",
        "blocking: one job at a time. non-blocking: as many as the processors, the memory and"
        " the GPUs allow.",
    )
    job_files: tuple[str, ...] = _option(
        "job_file",
        NAMES,
        "proc_config.cfg, infos.xml, job.sh",
        "The names of a job's info file, the preferred one first. The extension decides how it is"
        " read: .cfg and .ini, .xml, and everything else as a script.",
    )
    mail_active: bool = _option(
        "MailActive",
        SWITCH,
        "no",
        "Send mail when a job has ended, was lost with its machine, or was refused, and when Brake"
        " has stopped a script. It goes to the job's e_mail by the server in the section Mail.",
    )
    notify_url: str | None = _option(
        "Notify_url",
        or_word(WEB_ADDRESS, "none"),
        "none",
        "An address that is told of every job's end by an HTTP POST with JSON, beside the"
        " notify_url that a job may have of its own.",
    )
    notify_command: str | None = _option(
        "Notify_command",
        or_word(TEXT, "none"),
        "none",
        "A command that is run at every job's end by the shell, with the same JSON on its standard"
        " input, and QM_JOB_ID, QM_JOB_NAME, QM_JOB_STATE and QM_JOB_DIR in its environment. It"
        " may take 60 s. In a longer one, mind that a ; or # after a space begins a comment here.",
    )
    debug: bool = _option("Debug", SWITCH, "no", "QM's own log tells every detail.")
    max_memory: int | None = _option(
        "MaxMemory",
        or_word(size(MIB), "auto"),
        "auto",
        "The memory that the running jobs may ask for in all. A job that asks for more is refused,"
        " for it could never start. auto: the memory of the machine.",
    )
    """Bytes; None means what the machine has."""
    nb_gpus: int | None = _option(
        "NbGPUs",
        or_word(whole(0, 1024), "auto"),
        "0",
        "The GPUs that jobs may ask for. A job that asks for more is refused. auto: those of the"
        " machine.",
    )
    """None means as many as the machine has."""
    default_mem: int | None = _option(
        "Default_mem",
        or_word(size(MIB), "none"),
        "none",
        "The memory that a job asks for when it does not say. none: such a job asks for none.",
    )
    default_walltime: float | None = _option(
        "Default_walltime",
        or_word(duration(1), "none"),
        "none",
        "The time limit of a job that does not name one. none: no limit.",
    )
    settle: float = _option(
        "Settle",
        duration(0.01),
        "2 s",
        "A dropped folder counts as complete when nothing in it has changed for so long.",
    )
    refuse_after: float = _option(
        "Refuse_after",
        duration(0.01),
        "30 s",
        "A folder whose info file is missing or wrong is refused when nothing in it has changed"
        " for so long.",
    )
    kill_grace: float = _option(
        "Kill_grace",
        duration(0, DAY),
        "10 s",
        "How long a job that is told to stop may take to end by itself.",
    )
    reserve_after: float | None = _option(
        "Reserve_after",
        or_word(duration(0), "never"),
        "10 min",
        "When the first job of the queue has waited so long, processors, memory and GPUs are kept"
        " for it as they become free. Where walltimes are known that is not needed: then the"
        " others may start only if they do not delay it.",
    )
    brake: int = _option(
        "Brake",
        whole(0, 1000),
        "5",
        "When so many jobs of one script in a row have failed within Brake_within of their start,"
        " the others of that script are held, with one message. 0: never.",
    )
    brake_within: float = _option(
        "Brake_within", duration(0.01, DAY), "10 s", "See Brake: how soon is too soon."
    )
    active_hours: Hours = _option(
        "Active_hours",
        HOURS,
        "always",
        "When jobs may be started; running ones go on. always, or days and times such as"
        ' "mon-fri 19:00-07:30, sat, sun".',
    )
    enforce: frozenset[str] = _option(
        "Enforce",
        subset("cpu", "memory", "gpu"),
        "cpu, memory, gpu",
        "What is kept to by force. cpu: a job runs on as many processors as it asked for, and"
        " distinct jobs on distinct ones. memory: a job that takes more than it asked for is"
        " stopped. gpu: a job sees only its GPUs. none: nothing, it is only counted.",
    )
    nice: int = _option(
        "Nice",
        whole(0, 19),
        "10",
        "How much jobs give way to the person at the desk, as the command nice has it. 0: not.",
    )
    idle_exit: float | None = _option(
        "Idle_exit",
        or_word(duration(0), "never"),
        "never",
        "QM ends when for so long nothing has run, waited, arrived or been held.",
    )
    empty_after: float = _option(
        "Empty_after", duration(0.01), "10 min", "A folder that stays empty for so long is refused."
    )
    rescan: float = _option(
        "Rescan",
        duration(0.01, HOUR),
        "5 s",
        "How often QM lists its folders whether or not anything seems to have changed.",
    )
    poll: float = _option(
        "Poll",
        duration(0.01, HOUR),
        "250 ms",
        "How often QM looks for changes without file events.",
    )
    watch: bool = _option(
        "Watch",
        choice({"auto": True, "off": False}),
        "auto",
        "auto: file events of the system wake QM sooner where they work. off: QM only looks every"
        " Poll.",
    )
    sync: bool = _option(
        "Sync",
        SWITCH,
        "yes",
        "Write records and starts through to the disk, so that a power cut cannot run a job twice."
        " no: a little faster, without that promise.",
    )
    mail: MailConfig = field(default_factory=MailConfig)
    web: WebConfig = field(default_factory=WebConfig)
    source: Path | None = None
    """The file that was read; None if there was none."""


class AtMost(NamedTuple):
    """``low`` must not be more than ``high``, two options of ``[QMServer]``, because of ``why``."""

    low: str
    high: str
    why: str


AT_MOST = (
    AtMost("Settle", "Refuse_after", "folders would be refused while they may still grow"),
    AtMost("Settle", "Empty_after", "folders would be refused while they may still grow"),
    AtMost("Poll", "Rescan", "the full listing is the net behind the quick look"),
    AtMost("Default_mem", "MaxMemory", "a job that asks for nothing could never start"),
)


@cache
def options() -> tuple[Option, ...]:
    """All options, in the order of the table, section by section."""
    return tuple(
        _described(section.SECTION, entry)
        for section in (Config, MailConfig, WebConfig)
        for entry in fields(section)
        if entry.metadata
    )


def _described(section: str, entry: Field[Any]) -> Option:
    return Option(section=section, field=entry.name, **entry.metadata)


def option_help() -> list[HelpRow]:
    """A row of text for each option, for the command line's help and the documentation."""
    return [
        HelpRow(option.section, option.name, option.kind.word, option.default, option.help)
        for option in options()
    ]
