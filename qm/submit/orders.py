"""What is to be staged, checked: one order for each job, of whatever a person named."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePath

from qm.errors import QMError, Refused
from qm.jobinfo.limits import Limits
from qm.names import shown
from qm.osops.shell import in_job_folder
from qm.submit import fields, sweep
from qm.submit.check import Checked, check, check_filled, look_at, with_changes
from qm.submit.command import command_job
from qm.submit.fields import Unfilled
from qm.submit.naming import name_of_command
from qm.submit.source import (
    NO_SCRIPTS,
    Filled,
    Made,
    Source,
    Work,
    piped_script,
    source_of,
)
from qm.submit.table import Row, Table
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
            return self._of_command(target.text, self.name, wishes)
        work = self._work(target)
        checked = self._checked(check(work, self.limits))
        return self._of_work(work, checked, wishes, piped=target.means is Means.PIPE)

    def sweep(self, target: Target, table: Table, globs: Sequence[str]) -> list[Order]:
        """An order for each row; FileError that names the row, before anything is staged."""
        named = [self.name or "", *self.wishes.keys.values(), *(v for _, v in self.wishes.env)]
        command = [target.text] if target.means is Means.COMMAND else []
        sweep.refuse_unknown(table, [*named, *command])
        make = self._maker(target, table, globs)
        orders = []
        for row in table.rows:
            try:
                order = make(row, self.settled(target, self._wishes_of(row)))
            except (QMError, Unfilled) as error:
                raise sweep.at_row(table, row, error) from error
            orders.append(replace(order, variables=row.variables()))
        return orders

    def settled(self, target: Target, wishes: Wishes) -> Wishes:
        """``wishes`` for this target, checked; QMError that names the option.

        What has no folder of its own has its paths where it was written.
        """
        if target.means is not Means.PATH:
            wishes = wishes.placed(self.cwd)
        return wishes.settled(self.limits, self.now)

    def _work(self, target: Target) -> Source | Made:
        names = self.limits.names
        if target.means is Means.PIPE:
            return piped_script(self.piped(), names, self.name)
        return source_of(target.text, names, self.name)

    def _checked(self, checked: Checked) -> Checked:
        if checked.refusal is not None and not self.force:
            hint = checked.hint or "`qm submit --force` submits it all the same."
            raise Refused(shown(checked.refusal.text), hint)
        return checked

    def _of_work(self, work: Work, checked: Checked, wishes: Wishes, *, piped: bool) -> Order:
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

    def _of_command(self, command: str, name: str | None, wishes: Wishes) -> Order:
        if "script" in wishes.keys:
            raise Refused("the command is the script: it is not to be set a second time")
        keys = wishes.changes(())
        cwd = keys.pop("cwd", "") or self.cwd
        work = command_job(command, cwd, keys, self.limits.names, name)
        return Order(work, self._checked(check(work, self.limits)))

    def _wishes_of(self, row: Row) -> Wishes:
        keys = sweep.fill_keys(self.wishes.keys, row)
        env = [(name, fields.fill_text(value, row.values)) for name, value in self.wishes.env]
        return replace(self.wishes, keys=keys, env=env)

    def _maker(
        self, target: Target, table: Table, globs: Sequence[str]
    ) -> Callable[[Row, Wishes], Order]:
        """What makes an order of a row and of what is wished for it."""
        if target.means is Means.COMMAND:
            return self._maker_of_command(target.text, table, globs)
        work = replace(self, name=None)._work(target)
        template = sweep.template_of(work, table.columns, self.limits.names, globs)
        piped = target.means is Means.PIPE
        look = None
        if isinstance(template.work, Source):
            look = look_at(template.work.path, self.limits)

        def make(row: Row, wishes: Wishes) -> Order:
            job = template.filled(row.values, self._name(template.work.name, row))
            if isinstance(job, Filled) and look is not None:
                checked = self._checked(check_filled(job, look, self.limits))
            else:
                checked = self._checked(check(job, self.limits))
            return self._of_work(job, checked, wishes, piped=piped)

        return make

    def _maker_of_command(
        self, command: str, table: Table, globs: Sequence[str]
    ) -> Callable[[Row, Wishes], Order]:
        if globs:
            raise Refused("--fill is for files of a folder, and this is a command")
        base = name_of_command(command)

        def make(row: Row, wishes: Wishes) -> Order:
            filled = fields.fill_command(command, row.values)
            return self._of_command(filled, self._name(base, row), wishes)

        return make

    def _name(self, base: str, row: Row) -> str:
        return sweep.fill_name(self.name, row) if self.name else f"{base}-{row.number}"


def _found_from_afar(file: str, command: str) -> dict[str, str]:
    """The change that lets ``command`` run the script ``file`` from another folder than its own."""
    here = shlex.quote(f"./{file}")
    if not command.endswith(f" {here}") or PurePath(file).suffix.lower() in NO_SCRIPTS:
        return {}
    return {"script": command.removesuffix(here) + in_job_folder(file)}
