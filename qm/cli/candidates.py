"""What may stand where a person has pressed the completion key, and the scripts that ask."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from qm.model import ACTIVE_STATES, END_STATES, WAITING_STATES, State

if TYPE_CHECKING:
    from qm.folders.layout import Layout
    from qm.index import Row

_JOBS = re.compile(r"\[?JOBS?\]?(\.\.\.)?\Z")
_PATHS = re.compile(r"\[?(PATH|WORD|FILE|DIR|TABLE)\b")
_MOST = 200
"""Jobs that are offered: more than that nobody reads."""
_SAFE = re.compile(r"[\w@%+=./-]+\Z")
"""Names that every shell takes as they are; other jobs are offered by their ids."""

_OPEN = ACTIVE_STATES | WAITING_STATES
_STATES: dict[str, frozenset[State]] = {
    "kill": _OPEN,
    "qdel": _OPEN,
    "hold": frozenset({State.QUEUED}),
    "qhold": frozenset({State.QUEUED}),
    "release": frozenset({State.HELD}),
    "qrls": frozenset({State.HELD}),
    "set": WAITING_STATES,
    "priority": WAITING_STATES,
    "suspend": frozenset({State.RUNNING}),
    "resume": frozenset({State.SUSPENDED}),
    "wait": _OPEN,
    "rm": END_STATES,
    "rerun": END_STATES,
}
"""Which jobs a command is for; others take any job."""

_BASH = """\
_qm_completion() {
    local IFS=$'\\n' item
    COMPREPLY=()
    while read -r item; do
        case "$item" in
            plain,*) COMPREPLY+=("${item#plain,}") ;;
            file,*) compopt -o default 2>/dev/null ;;
            dir,*) compopt -o dirnames 2>/dev/null ;;
        esac
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \\
        "$1" completion bash --words 2>/dev/null)
}
complete -o nosort -F _qm_completion qm 2>/dev/null || complete -F _qm_completion qm
"""
_ZSH = """\
#compdef qm
_qm_completion() {
    local -a plain described response
    (( ! $+commands[qm] )) && return 1
    response=("${(@f)$(COMP_WORDS="${(pj:\\n:)words}" COMP_CWORD=$((CURRENT-1)) \\
        qm completion zsh --words 2>/dev/null)}")
    for type key description in ${response}; do
        case "$type" in
            plain)
                if [[ "$description" == "_" ]]; then
                    plain+=("$key")
                else
                    described+=("${key//:/\\\\:}:$description")
                fi ;;
            file) _path_files -f ;;
            dir) _path_files -/ ;;
        esac
    done
    [ -n "$described" ] && _describe -V unsorted described -U
    [ -n "$plain" ] && compadd -U -V unsorted -a plain
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _qm_completion "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _qm_completion qm
fi
"""
_FISH = """\
function _qm_completion
    set -l words (commandline -opc) (commandline -t)
    set -l at (math (count $words) - 1)
    for item in (COMP_WORDS=(string join \\n -- $words | string collect) COMP_CWORD=$at \\
            qm completion fish --words 2>/dev/null)
        set -l parts (string split -m 1 , -- $item)
        switch $parts[1]
            case plain
                echo $parts[2]
            case file
                __fish_complete_path (commandline -t)
            case dir
                __fish_complete_directories (commandline -t)
        end
    end
end
complete --no-files --command qm --arguments '(_qm_completion)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def script(shell: str) -> str:
    """What the shell has to evaluate."""
    return _SCRIPTS[shell]


def answer(shell: str, environment: Mapping[str, str]) -> str:
    """The candidates as the script of ``shell`` reads them.

    COMP_WORDS has the words that were typed, one a line, COMP_CWORD the number of
    the one that is being typed.
    """
    words = environment.get("COMP_WORDS", "").split("\n")
    number = environment.get("COMP_CWORD", "")
    at = int(number) if number.isdecimal() else len(words)
    incomplete = words[at] if at < len(words) else ""
    from qm.cli.main import qm

    complete = _Complete(qm, {}, "qm", "")
    found = complete.get_completions([_unquoted(word) for word in words[1:at]], incomplete)
    return "".join(f"{_line(shell, item)}\n" for item in found)


def _unquoted(word: str) -> str:
    return " ".join(split_arg_string(word))


def _line(shell: str, item: CompletionItem) -> str:
    if shell == "zsh":
        return f"{item.type}\n{item.value}\n{item.help or '_'}"
    if shell == "fish" and item.help:
        return f"{item.type},{item.value}\t{item.help}"
    return f"{item.type},{item.value}"


class _Complete(ShellComplete):
    """Click's completion, which knows commands and options, with our jobs and states."""

    name = "qm"
    source_template = ""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """What may stand in the place of ``incomplete``, after the words ``args``."""
        # Below click's own methods: which command it is decides which jobs are offered.
        from click.shell_completion import _resolve_context, _resolve_incomplete

        with _resolve_context(self.cli, self.ctx_args, self.prog_name, args) as context:
            wanted, incomplete = _resolve_incomplete(context, args, incomplete)
            if isinstance(wanted, click.Parameter):
                own = _own(context, wanted, incomplete)
                if own is not None:
                    return own
            return wanted.shell_complete(context, incomplete)


def _own(
    context: click.Context, wanted: click.Parameter, incomplete: str
) -> list[CompletionItem] | None:
    """Jobs, states and columns; None where click knows it."""
    metavar = wanted.metavar or (wanted.name or "").upper()
    if isinstance(wanted, click.Argument) and _JOBS.match(metavar):
        return _jobs(context, incomplete)
    if isinstance(wanted, click.Argument) and _PATHS.match(metavar):
        return [CompletionItem(incomplete, type="file")]
    if metavar.startswith("STATE"):
        return _of_a_list([state.value for state in State], incomplete)
    if wanted.name == "columns":
        from qm.cli.columns import COLUMNS

        return _of_a_list(COLUMNS, incomplete)
    return None


def _of_a_list(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """The last of words with commas between them; upper and lower case are the same."""
    before, comma, last = incomplete.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{word}")
        for word in words
        if word.lower().startswith(last.lower())
    ]


def _jobs(context: click.Context, incomplete: str) -> list[CompletionItem]:
    from qm.cli.session import Session

    root = context.find_root()
    session = Session(root.params.get("config_file"), root.params.get("folder"))
    states = _STATES.get(context.info_name or "")
    try:
        rows = _rows(session.layout, states, incomplete)
    except (sqlite3.Error, click.ClickException, OSError):
        return []
    return [item for row in rows for item in _items(row, incomplete)]


def _rows(layout: Layout, states: frozenset[State] | None, incomplete: str) -> list[Row]:
    """Jobs in these states (None: in any), the newest first; the index may be a moment old."""
    from qm.index import reading

    if not os.path.exists(layout.index_file):
        return []
    condition, arguments = "1", []
    if states is not None:
        condition = f"state IN ({', '.join('?' * len(states))})"
        arguments = sorted(states)
    # An open job is likelier to be meant; text is compared without wildcards of its own.
    condition += " AND (substr(name, 1, ?)=? OR substr(CAST(id AS TEXT), 1, ?)=?)"
    begin = [len(incomplete), incomplete] * 2
    order = f"ORDER BY ended IS NOT NULL, id DESC LIMIT {_MOST}"
    with reading(layout.index_file) as index:
        return index.rows(condition, [*arguments, *begin], order)


def _items(row: Row, incomplete: str) -> Iterable[CompletionItem]:
    number = str(row.id)
    by_name = bool(_SAFE.match(row.name)) and row.name.startswith(incomplete)
    if by_name and not (incomplete and number.startswith(incomplete)):
        yield CompletionItem(row.name, help=f"{row.state} {number}")
    elif number.startswith(incomplete):
        yield CompletionItem(number, help=f"{row.state} {row.name}")
