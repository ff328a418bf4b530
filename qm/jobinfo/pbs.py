"""``#PBS`` options that have a counterpart in QM, as qsub(1) of OpenPBS and Torque reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from qm.jobinfo.dependencies import batch_dependency
from qm.jobinfo.directives import (
    Directive,
    Grammar,
    Option,
    ignored,
    last_of_each,
    parse_directives,
)
from qm.jobinfo.items import Item, Reading, place
from qm.jobinfo.pbs_resources import read_resources

_GRAMMAR = Grammar(
    letters={},
    flags=frozenset("hVIXzfx"),
    valued=frozenset("lNMoeWaprdwvjJtS"),
)

_DATE_FORMS = "[[CC]YYMMDD]hhmm[.SS], such as 203001310800 or 2230"
_DATE = re.compile(
    r"(?:([0-9]{2})?([0-9]{2})([0-9]{2})([0-9]{2}))?([0-9]{2})([0-9]{2})(?:\.([0-9]{2}))?",
    re.ASCII,
)
_ATTRIBUTES = re.compile(r",(?=[A-Za-z_]+=)")

_Convert = Callable[[str], str]


def read_pbs(file: str, directives: Sequence[Directive], max_processors: int) -> Reading:
    """The settings of all #PBS lines.

    ``max_processors`` is what nb_proc will be lowered to: memory for each
    process is counted for no more. Raises InfoError for a value that cannot be read.
    """
    parsed = parse_directives(file, directives, _GRAMMAR)
    # -l, -W and -v may come several times and add up; of the others the last one counts.
    lists = [option for option in parsed.options if option.name in {"l", "W", "v"}]
    single = [option for option in parsed.options if option.name not in {"l", "W", "v"}]
    options, warnings = last_of_each(file, single)
    job = _Job(file, options, [*parsed.warnings, *warnings])
    resources = read_resources(file, [each for each in lists if each.name == "l"], max_processors)
    job.warnings.extend(resources.warnings)
    attributes = job.attributes([each for each in lists if each.name == "W"])
    variables = job.variables([each for each in lists if each.name == "v"])
    items = [*job.alike(), *job.streams(), *resources.items, *attributes, *variables]
    job.warn_of_the_rest()
    return Reading(tuple(items), tuple(job.warnings), "pbs")


def _same(text: str) -> str:
    return text


def _yes(_: str) -> str:
    return "yes"


def _yes_or_no(text: str) -> str:
    if text.lower() not in {"y", "n"}:
        raise ValueError("y or n")
    return "yes" if text.lower() == "y" else "no"


def pbs_begin(text: str) -> str:
    """The ``begin`` for the date of ``-a``; raises ValueError, which completes "expected ..."."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(_DATE_FORMS)
    century, year, month, day, hour, minute, second = match.groups()
    clock = f"{hour}:{minute}:{second or '00'}"
    # As in qsub: without a century the years from 69 on are of the last one.
    date = f"{century or ('19' if int(year) > 68 else '20')}{year}-{month}-{day}T" if year else ""
    return date + clock


# Where two options have one key, the earlier row wins.
_ALIKE: tuple[tuple[str, str, _Convert], ...] = (
    ("N", "info", _same),
    ("M", "e_mail", _same),
    ("a", "begin", pbs_begin),
    ("d", "cwd", _same),
    ("w", "cwd", _same),
    ("p", "priority", _same),
    ("h", "hold", _yes),
    ("r", "rerunnable", _yes_or_no),
)
_STREAMS = (("o", "stdout"), ("e", "stderr"))
_COUNTERPARTS = frozenset((*(name for name, _, _ in _ALIKE), "o", "e", "J", "t"))
_SILENT = frozenset("Vz")


@dataclass(slots=True)
class _Job:
    """The options of a script that count once, by letter, and the warnings so far."""

    file: str
    options: dict[str, Option]
    warnings: list[str] = field(default_factory=list)

    def alike(self) -> list[Item]:
        """Options that say what a key says."""
        found: dict[str, Item] = {}
        for name, key, convert in _ALIKE:
            option = self.options.get(name)
            if option:
                found.setdefault(key, option.item(key, self._converted(option, convert)))
        return list(found.values())

    def streams(self) -> list[Item]:
        """Files for output and errors; a host in front of them is left out."""
        items = []
        for name, key in _STREAMS:
            option = self.options.get(name)
            if option is None:
                continue
            path = re.sub(r"^[^/\\:]{2,}:", "", option.value)
            if not path or "^" in path or "$" in path or path.endswith("/"):
                self._warn(option, "QM does not fill in names; it goes to process.log")
            else:
                items.append(option.item(key, path))
        return self._together(items)

    def _together(self, items: list[Item]) -> list[Item]:
        """``-j oe`` sends the errors where the output goes, ``-j eo`` the other way."""
        leading = {"oe": "stdout", "eo": "stderr"}.get(self._join())
        if leading is None:
            return items
        return [
            replace(each, key=key)
            for each in items
            if each.key == leading
            for key in ("stdout", "stderr")
        ]

    def attributes(self, given: Sequence[Option]) -> list[Item]:
        """``-W depend=afterok:1:2``; other attributes have no counterpart."""
        depends = []
        for option in given:
            for attribute in _ATTRIBUTES.split(option.value):
                name, _, value = attribute.partition("=")
                if name == "depend":
                    depends.append((option, self._converted(option, batch_dependency, value)))
                else:
                    self.warnings.extend(ignored(self.file, [option]))
        if not depends:
            return []
        return [depends[0][0].item("after", ",".join(value for _, value in depends))]

    def variables(self, given: Sequence[Option]) -> list[Item]:
        """``-v A=1,B=2``; a bare name is in the job's environment anyway."""
        words = [word for option in given for word in option.value.split(",") if "=" in word]
        if not words:
            return []
        return [given[0].item("env", " ".join(map(_env_word, words)))]

    def warn_of_the_rest(self) -> None:
        """Warn of what the job will miss here."""
        for name in ("J", "t"):
            if name in self.options:
                text = "QM runs the script once, not as an array of jobs"
                self._warn(self.options[name], text)
        silent = _SILENT | ({"j"} if self._join() in {"oe", "eo", "n"} else set())
        rest = [
            option
            for name, option in self.options.items()
            if name not in _COUNTERPARTS and name not in silent
        ]
        self.warnings.extend(ignored(self.file, rest))

    def _join(self) -> str:
        option = self.options.get("j")
        return option.value if option else ""

    def _converted(self, option: Option, convert: _Convert, value: str | None = None) -> str:
        try:
            return convert(option.value if value is None else value)
        except ValueError as error:
            raise option.error(self.file, str(error)) from None

    def _warn(self, option: Option, text: str) -> None:
        self.warnings.append(place(self.file, option.line, f"{option.shown}: {text}"))


def _env_word(word: str) -> str:
    """``NAME=value`` as ``env`` writes it, with the value in quotes."""
    name, _, value = word.partition("=")
    return f"{name}=" + '"\'"'.join(f"'{part}'" for part in value.split("'"))
