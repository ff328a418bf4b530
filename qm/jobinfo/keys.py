"""The one table of keys: what an info file may say, in whichever format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qm.jobinfo.dependencies import parse_after
from qm.jobinfo.environment import parse_env
from qm.jobinfo.moments import parse_begin
from qm.jobinfo.values import (
    command_line,
    exit_codes,
    file_path,
    folder_path,
    memory,
    plain_text,
    system_name,
    time_limit,
    warning_signal,
    web_address,
    whole_number,
    yes_or_no,
)
from qm.model import JobOptions
from qm.quantities import parse_duration


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the info file.

    ``name`` is also the field of JobOptions. ``parse`` turns the text of a
    value into data or raises ValueError, whose text completes "expected ...".
    A ``description`` is only ever shown: line breaks and bytes of an unknown
    encoding in it are mended, in every other key they are refused.
    """

    name: str
    parse: Callable[[str], object]
    meaning: str
    example: str
    description: bool = False
    obeyed: bool = True
    """False: read, checked and kept, and not acted on by this version."""


_TABLE = (
    Key("script", command_line, "the command that is run in the job folder", "python process.py"),
    Key("nb_proc", whole_number(1), "processors", "4"),
    Key("mem", memory, "memory", "2G"),
    Key("nb_gpu", whole_number(0), "GPUs", "1"),
    Key("walltime", time_limit, "how long the job may run", "1:30:00"),
    Key("signal", warning_signal, "signal, so many seconds before the walltime", "USR1@60"),
    Key("priority", whole_number(), "a higher one starts earlier", "10"),
    Key("size", plain_text, "size of the problem; shown, not used", "large", description=True),
    Key("e_mail", plain_text, "owner, and where to mail", "me@example.org"),
    Key("info", plain_text, "description", "some description of the job", description=True),
    Key("after", parse_after, "jobs that must end first", "afterok:prep"),
    Key("hold", yes_or_no, "wait until somebody releases the job", "yes"),
    Key("begin", parse_begin, "not before this time", "2030-01-31T08:00"),
    Key("retries", whole_number(0), "how often to try again after a failure", "2"),
    Key("retry_delay", parse_duration, "pause before another try", "5m"),
    Key("retry_on", exit_codes, "exit codes that are worth another try", "75, 137"),
    Key("rerunnable", yes_or_no, "queue again when lost with its machine", "yes"),
    Key("env", parse_env, "variables for the script", 'MODE=fast TITLE="two words"'),
    Key("cwd", folder_path, "folder to run in, else the job folder", "work"),
    Key("stdout", file_path, "file for the output, else process.log", "out.txt"),
    Key("stderr", file_path, "file for the errors, else process.log", "err.txt"),
    Key(
        "notify_url",
        web_address,
        "address that is told of the end",
        "https://example.org/done",
    ),
    Key("system", system_name, "execution system, else the routes decide", "local", obeyed=False),
    Key("settle", parse_duration, "quiet time before the drop counts as complete", "60"),
)

KEYS: Mapping[str, Key] = MappingProxyType({key.name: key for key in _TABLE})
"""Every known key by its name, in the order in which to show them."""


def not_obeyed(options: JobOptions) -> tuple[str, ...]:
    """A sentence for each thing that is asked for and that this version does not act on."""
    plain = JobOptions(script=options.script)
    return tuple(
        f"{name} is understood, and not acted on by this version"
        for name, key in KEYS.items()
        if not key.obeyed and getattr(options, name) != getattr(plain, name)
    )
