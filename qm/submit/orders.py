"""What is to be staged, checked: one order for each job, of whatever a person named."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath

from qm.errors import Refused
from qm.jobinfo.limits import Limits
from qm.names import shown
from qm.osops.shell import in_job_folder
from qm.submit.check import Checked, check, with_changes
from qm.submit.command import command_job
from qm.submit.source import NO_SCRIPTS, Made, Source, Work, piped_script, source_of
from qm.submit.wishes import Wishes
from qm.submit.words import Means, Target


@dataclass(frozen=True, slots=True)
class Order:
    """One job to be staged. ``changes`` win over its info file; ``variables`` are added to
    the environment that is recorded for it. ``checked`` is what QM would say of it.
    """

    work: Work
    checked: Checked
    changes: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clerk:
    """Makes orders. ``cwd`` is the caller's folder, absolute; ``now`` carries a zone.

    ``name`` is the name for the one job, or in a sweep a pattern with fields.
    With ``force`` a job is ordered that QM would refuse. ``piped`` reads
    standard input to its end.
    """

    limits: Limits
    cwd: str
    wishes: Wishes
    name: str | None
    force: bool
    piped: Callable[[], bytes]
    now: datetime

    def order(self, target: Target) -> Order:
        """An order for one target; Refused where QM would refuse it, QMError for other faults."""
        wishes = self.settled(target, self.wishes)
        if target.means is Means.COMMAND:
            return self.of_command(target.text, self.name, wishes)
        work = self.work(target)
        checked = self.checked(check(work, self.limits))
        return self.of_work(work, checked, wishes, piped=target.means is Means.PIPE)

    def settled(self, target: Target, wishes: Wishes) -> Wishes:
        """``wishes`` for this target, checked; QMError that names the option.

        What has no folder of its own has its paths where it was written.
        """
        if target.means is not Means.PATH:
            wishes = wishes.placed(self.cwd)
        return wishes.settled(self.limits, self.now)

    def work(self, target: Target) -> Source | Made:
        """What is to be staged for a path or a pipe; QMError where that is no job."""
        names = self.limits.names
        if target.means is Means.PIPE:
            return piped_script(self.piped(), names, self.name)
        return source_of(target.text, names, self.name)

    def checked(self, checked: Checked) -> Checked:
        """The same; Refused where QM would refuse the job, and nobody forces it."""
        if checked.refusal is not None and not self.force:
            hint = checked.hint or "`qm submit --force` submits it all the same."
            raise Refused(shown(checked.refusal.text), hint)
        return checked

    def of_work(self, work: Work, checked: Checked, wishes: Wishes, *, piped: bool) -> Order:
        """An order for what has an info file of its own; ``wishes`` are settled ones."""
        info = checked.info
        changes = wishes.changes(info.options.env if info is not None else ())
        if piped and info is not None and info.options.cwd is None:
            # A script from a pipe has no folder of its own; it runs where it was written.
            changes.setdefault("cwd", self.cwd)
        after = with_changes(checked, self.limits, changes)
        if info is not None and after.info is not None and after.info.options.cwd is not None:
            changes |= _found_from_afar(info.file, after.info.options.script)
            after = with_changes(checked, self.limits, changes)
        return Order(work, after, changes)

    def of_command(self, command: str, name: str | None, wishes: Wishes) -> Order:
        """An order for a command; ``wishes`` are settled ones, and go into its info file."""
        if "script" in wishes.keys:
            raise Refused("the command is the script: it is not to be set a second time")
        keys = wishes.changes(())
        cwd = keys.pop("cwd", "") or self.cwd
        work = command_job(command, cwd, keys, self.limits.names, name)
        return Order(work, self.checked(check(work, self.limits)))


def _found_from_afar(file: str, command: str) -> dict[str, str]:
    """The change that lets ``command`` run the script ``file`` from another folder than its own."""
    here = shlex.quote(f"./{file}")
    if not command.endswith(f" {here}") or PurePath(file).suffix.lower() in NO_SCRIPTS:
        return {}
    return {"script": command.removesuffix(here) + in_job_folder(file)}
