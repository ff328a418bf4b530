"""Groups of commands that are imported when they are called, and their help in sections."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

Sections = Mapping[str, Sequence[str]]

_OTHERS = "More"
_ELSEWHERE = {
    "add": "submit",
    "cancel": "kill",
    "continue": "resume",
    "delete": "rm",
    "edit": "set",
    "info": "show",
    "ls": "list",
    "modify": "set",
    "pause": "suspend",
    "ps": "list",
    "queue": "list",
    "remove": "rm",
    "requeue": "rerun",
    "restart": "rerun",
    "retry": "rerun",
    "run": "submit",
    "sbatch": "submit",
    "scancel": "kill",
    "squeue": "list",
    "tail": "logs",
    "top": "dashboard",
    "unhold": "release",
    "watch": "list",
}
"""What other queues and the shell call it."""


class LazyGroup(click.Group):
    """The commands of a table of ``module:name``, shown in its order or in sections."""

    def __init__(
        self,
        *arguments: Any,
        table: Mapping[str, str],
        sections: Sections | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(*arguments, **attributes)
        self._table = table
        self._sections = sections or {"Commands": list(table)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The one of this name; its module is imported now."""
        if cmd_name not in self._table:
            return None
        module, _, name = self._table[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown command is told with the one that may be meant."""
        name = args[0]
        if name not in self._table and not ctx.resilient_parsing and not name.startswith("-"):
            raise click.UsageError(f"No such command {name!r}.{self._meant(name)}", ctx)
        return super().resolve_command(ctx, args)

    def _meant(self, name: str) -> str:
        known = _ELSEWHERE.get(name.lower())
        near = difflib.get_close_matches(name.lower(), self._table, n=3)
        found = [known, *near] if known in self._table else near
        return f" Did you mean {' or '.join(dict.fromkeys(map(str, found)))}?" if found else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One list for each section, all of one width."""
        width = max(map(len, self._table), default=0)
        limit = formatter.width - 6 - width
        for title, names in self._in_sections():
            rows = []
            for name in names:
                command = self.get_command(ctx, name)
                if command is not None and not command.hidden:
                    rows.append((name.ljust(width), command.get_short_help_str(limit)))
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def _in_sections(self) -> Iterator[tuple[str, list[str]]]:
        placed: set[str] = set()
        for title, names in self._sections.items():
            placed.update(names)
            yield title, [name for name in names if name in self._table]
        yield _OTHERS, [name for name in self._table if name not in placed]


@click.command("help")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def help_command(ctx: click.Context, words: Sequence[str]) -> None:
    """Explain QM, or one of its commands."""
    shown = ctx.find_root()
    for word in words:
        if not isinstance(shown.command, click.Group):
            raise click.UsageError(f"{shown.command_path} has no commands.", shown)
        _, command, _ = shown.command.resolve_command(shown, [word])
        assert command is not None
        shown = click.Context(command, info_name=word, parent=shown)
    click.echo(shown.get_help())
