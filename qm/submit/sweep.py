"""A sweep: one job for each row of a table. All is checked before any is staged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qm.errors import FileError, QMError, Refused
from qm.submit import fields
from qm.submit.check import check, check_filled, look_at
from qm.submit.fields import Unfilled
from qm.submit.naming import name_of_command, usable_name
from qm.submit.orders import Clerk, Order
from qm.submit.source import Filled, Source
from qm.submit.table import Row, Table
from qm.submit.template import fill_of, template_of
from qm.submit.wishes import Wishes
from qm.submit.words import Means, Target

_Maker = Callable[[Row, Wishes], Order]


@dataclass(frozen=True, slots=True)
class Sweep:
    """One template and its table. ``globs`` name more files of it that have fields."""

    clerk: Clerk
    target: Target
    table: Table
    globs: Sequence[str] = ()

    def orders(self) -> list[Order]:
        """An order for each row. Raises QMError; FileError names the row at fault."""
        self._refuse_unknown()
        is_command = self.target.means is Means.COMMAND
        make = self._maker_of_command() if is_command else self._maker()
        return [self._order(make, row) for row in self.table.rows]

    def _order(self, make: _Maker, row: Row) -> Order:
        try:
            wishes = self.clerk.settled(self.target, self._wishes(row))
            return replace(make(row, wishes), variables=row.variables())
        except (QMError, Unfilled) as error:
            problem = error.message if isinstance(error, QMError) else str(error)
            found = f"row {row.number}: {problem}"
            raise FileError(self.table.file, row.line, found, hint=error.hint) from error

    def _refuse_unknown(self) -> None:
        """FileError for a field that is no column, where braces have no other meaning."""
        wishes = self.clerk.wishes
        texts = [self.clerk.name or "", *wishes.keys.values(), *(text for _, text in wishes.env)]
        if self.target.means is Means.COMMAND:
            texts.append(self.target.text)
        for text in texts:
            try:
                fields.refuse_unknown(text, self.table.columns)
            except Unfilled as error:
                raise FileError(self.table.file, None, str(error), hint=error.hint) from error

    def _wishes(self, row: Row) -> Wishes:
        wished = self.clerk.wishes
        keys = {key: fill_of(key)(text, row.values) for key, text in wished.keys.items()}
        env = [(name, fields.fill_text(text, row.values)) for name, text in wished.env]
        return replace(wished, keys=keys, env=env)

    def _name(self, base: str, row: Row) -> str:
        if self.clerk.name is None:
            return f"{base}-{row.number}"
        return usable_name(fields.fill_text(self.clerk.name, row.values))

    def _maker(self) -> _Maker:
        clerk = self.clerk
        work = replace(clerk, name=None).work(self.target)
        template = template_of(work, self.table.columns, clerk.limits.names, self.globs)
        base = template.work
        look = look_at(base.path, clerk.limits) if isinstance(base, Source) else None
        piped = self.target.means is Means.PIPE

        def make(row: Row, wishes: Wishes) -> Order:
            job = template.filled(row.values, self._name(base.name, row))
            if isinstance(job, Filled) and look is not None:
                checked = check_filled(job, look, clerk.limits)
            else:
                checked = check(job, clerk.limits)
            return clerk.of_work(job, clerk.checked(checked), wishes, piped=piped)

        return make

    def _maker_of_command(self) -> _Maker:
        command = self.target.text
        if self.globs:
            raise Refused("--fill is for files of a folder, and this is a command")
        base = name_of_command(command)

        def make(row: Row, wishes: Wishes) -> Order:
            filled = fields.fill_command(command, row.values)
            return self.clerk.of_command(filled, self._name(base, row), wishes)

        return make
