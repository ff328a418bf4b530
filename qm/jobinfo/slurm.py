"""``#SBATCH`` options that have a counterpart in QM, as sbatch(1) of Slurm reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from qm.jobinfo.dependencies import batch_dependency
from qm.jobinfo.directives import (
    Directive,
    Grammar,
    Option,
    ignored,
    last_of_each,
    one_machine,
    parse_directives,
)
from qm.jobinfo.items import Item, Reading, place
from qm.jobinfo.slurm_values import (
    gres_gpus,
    negated,
    slurm_begin,
    slurm_bytes,
    slurm_gpus,
    slurm_nodes,
    slurm_signal,
    slurm_walltime,
)

_LETTERS = {
    "A": "account", "C": "constraint", "D": "chdir", "G": "gpus", "H": "hold", "J": "job-name",
    "L": "licenses", "M": "clusters", "N": "nodes", "O": "overcommit", "Q": "quiet",
    "a": "array", "b": "begin", "c": "cpus-per-task", "d": "dependency", "e": "error",
    "i": "input", "k": "no-kill", "m": "distribution", "n": "ntasks", "o": "output",
    "p": "partition", "q": "qos", "s": "oversubscribe", "t": "time", "w": "nodelist",
    "x": "exclude",
}  # fmt: skip

_Value = TypeVar("_Value")
_Convert = Callable[[str], str | None]


def _same(text: str) -> str:
    return text


def _yes(_: str) -> str:
    return "yes"


def _no(_: str) -> str:
    return "no"


# Where two options have one key, the earlier row wins.
_ALIKE: tuple[tuple[str, str, _Convert], ...] = (
    ("time", "walltime", slurm_walltime),
    ("mail-user", "e_mail", _same),
    ("dependency", "after", batch_dependency),
    ("begin", "begin", slurm_begin),
    ("chdir", "cwd", _same),
    ("priority", "priority", _same),
    ("nice", "priority", negated),
    ("signal", "signal", slurm_signal),
    ("hold", "hold", _yes),
    ("no-requeue", "rerunnable", _no),
    ("requeue", "rerunnable", _yes),
)
_STREAMS = (("output", "stdout"), ("error", "stderr"))
_PROCESSORS = ("ntasks", "ntasks-per-node", "cpus-per-task")
_GPUS = ("gres", "gpus", "gpus-per-node", "gpus-per-task")
_FLAGS = frozenset(
    "contiguous hold ignore-pbs no-requeue overcommit parsable quiet requeue reboot spread-job "
    "test-only use-min-nodes verbose wait".split()
)
_OPTIONAL = frozenset("exclusive get-user-env nice no-kill oversubscribe propagate".split())
_COUNTERPARTS = frozenset(
    (
        *(name for name, _, _ in _ALIKE),
        *(name for name, _ in _STREAMS),
        *_PROCESSORS,
        *_GPUS,
        *("array", "comment", "job-name", "mem", "mem-per-cpu", "nodes"),
    )
)
_SILENT = frozenset({"quiet", "parsable", "verbose", "ignore-pbs"})

_GRAMMAR = Grammar(_LETTERS, _FLAGS, _OPTIONAL, _COUNTERPARTS - _FLAGS - _OPTIONAL)


def read_slurm(file: str, directives: Sequence[Directive], max_processors: int) -> Reading:
    """The settings of all #SBATCH lines.

    ``max_processors`` is what nb_proc will be lowered to: memory for each
    processor is counted for no more. Raises InfoError for a value that cannot be read.
    """
    parsed = parse_directives(file, directives, _GRAMMAR)
    options, warnings = last_of_each(file, parsed.options)
    job = _Job(file, options, [*parsed.warnings, *warnings])
    items = [
        *job.alike(),
        *job.streams(),
        *job.description(),
        *job.processors(),
        *job.memory(max_processors),
        *job.gpus(),
    ]
    job.warn_of_the_rest()
    return Reading(tuple(items), tuple(job.warnings), "slurm")


@dataclass(slots=True)
class _Job:
    """The options of a script by name, and the warnings so far."""

    file: str
    options: dict[str, Option]
    warnings: list[str] = field(default_factory=list)

    def alike(self) -> list[Item]:
        """Options that say what a key says."""
        found: dict[str, Item] = {}
        for name, key, convert in _ALIKE:
            option = self.options.get(name)
            value = self._converted(option, convert) if option else None
            if option and value is not None:
                found.setdefault(key, option.item(key, value))
        return list(found.values())

    def streams(self) -> list[Item]:
        """Files for output and errors, unless their names have to be filled in."""
        items = []
        for name, key in _STREAMS:
            option = self.options.get(name)
            if option and "%" in option.value:
                self._warn(option, "QM does not fill in %; it goes to process.log")
            elif option:
                items.append(option.item(key))
        if items and "error" not in self.options:
            # As in Slurm: without --error the errors go where the output goes.
            items.append(self.options["output"].item("stderr"))
        return items

    def description(self) -> list[Item]:
        """Name and comment, which QM shows as the description."""
        given = [self.options[name] for name in ("job-name", "comment") if name in self.options]
        return [given[0].item("info", ": ".join(each.value for each in given))] if given else []

    def processors(self) -> list[Item]:
        """Processors for all tasks together."""
        given = [self.options[name] for name in _PROCESSORS if name in self.options]
        if not given:
            return []
        shown = ", ".join(each.shown for each in given)
        return [Item("nb_proc", str(self._processor_count()), given[-1].line, shown)]

    def memory(self, max_processors: int) -> list[Item]:
        """Memory of the job; --mem before --mem-per-cpu, and 0 is as much as the default."""
        option = self.options.get("mem") or self.options.get("mem-per-cpu")
        if option is None:
            return []
        size = self._converted(option, slurm_bytes)
        if size == 0:
            self._warn(option, "QM gives no job all the memory; the default counts")
            return []
        if option.name == "mem-per-cpu":
            size *= min(self._processor_count(), max_processors)
        return [option.item("mem", str(size))]

    def gpus(self) -> list[Item]:
        """GPUs of the job, by the first of the options that names some."""
        for name in _GPUS:
            option = self.options.get(name)
            if option is None:
                continue
            count = self._converted(option, gres_gpus if name == "gres" else slurm_gpus)
            if count is None:
                self._warn(option, "QM knows only gpu")
                continue
            each = {"gpus-per-node": self._nodes, "gpus-per-task": self._tasks}.get(name)
            return [option.item("nb_gpu", str(count * each() if each else count))]
        return []

    def warn_of_the_rest(self) -> None:
        """Warn of what the job will miss here."""
        if self._nodes() > 1:
            self.warnings.append(one_machine(self.file, self.options["nodes"]))
        if "array" in self.options:
            self._warn(self.options["array"], "QM runs the script once, not as an array of jobs")
        export = self.options.get("export")
        silent = _SILENT | ({"export"} if export and export.value.upper() == "ALL" else set())
        rest = [
            option
            for name, option in self.options.items()
            if name not in _COUNTERPARTS and name not in silent
        ]
        self.warnings.extend(ignored(self.file, rest))

    def _processor_count(self) -> int:
        each = self.options.get("cpus-per-task")
        return self._tasks() * (each.count(self.file) if each else 1)

    def _tasks(self) -> int:
        if total := self.options.get("ntasks"):
            return total.count(self.file)
        each = self.options.get("ntasks-per-node")
        return each.count(self.file) * self._nodes() if each else 1

    def _nodes(self) -> int:
        option = self.options.get("nodes")
        return self._converted(option, slurm_nodes) if option else 1

    def _converted(self, option: Option, convert: Callable[[str], _Value]) -> _Value:
        try:
            return convert(option.value)
        except ValueError as error:
            raise option.error(self.file, str(error)) from None

    def _warn(self, option: Option, text: str) -> None:
        self.warnings.append(place(self.file, option.line, f"{option.shown}: {text}"))
