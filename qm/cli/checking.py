"""The command check, and what ``qm submit --dry-run`` says: what would become of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from qm.cli.output import print_json, print_pairs, print_table, say, tell
from qm.cli.session import Session

if TYPE_CHECKING:
    from qm.model import JobOptions
    from qm.submit import Checked, Source
    from qm.submit.orders import Order


@click.command()
@click.argument("path")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def check(session: Session, path: str, as_json: bool) -> int:
    """Say what QM would say of a job.

    PATH is a folder anywhere, or a script. Nothing is started or changed.
    """
    from qm.resources import limits_of
    from qm.submit import check as look
    from qm.submit import source_of

    source = source_of(path, session.config.job_files)
    checked = look(source, limits_of(session.config))
    if as_json:
        print_json(_checked_json(checked))
    elif checked.info is None:
        _tell_refusal(path, checked)
    else:
        _say_ok(source, checked)
    return 0 if checked.info is not None else 1


def say_orders(orders: Sequence[Order], as_json: bool) -> None:
    """What would be submitted: a line for each job, with what it needs and its command."""
    if as_json:
        print_json([_order_json(order) for order in orders])
        return
    from qm.names import shown

    rows, notes = [], []
    for order in orders:
        name, checked = shown(order.work.name), order.checked
        needs = "" if checked.info is None else needs_of(checked.info.options)
        rows.append((name, needs, shown(checked.command)))
        notes += [f"note: {name}: {shown(note)}" for note in checked.notes]
    print_table(("NAME", "NEEDS", "COMMAND"), rows)
    for note in notes:
        say(note)


def needs_of(options: JobOptions) -> str:
    """``2 processors, 4G, 1:30:00, after prep``: what a job asks for."""
    from qm.quantities import format_duration, format_size

    needs = [_count(options.nb_proc, "processor")]
    if options.mem is not None:
        needs.append(format_size(options.mem))
    if options.nb_gpu:
        needs.append(_count(options.nb_gpu, "GPU"))
    if options.walltime is not None:
        needs.append(format_duration(options.walltime))
    needs += [f"after {one.removeprefix('afterok:')}" for one in options.after]
    if options.begin is not None:
        needs.append(f"not before {options.begin}")
    return ", ".join(needs)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _order_json(order: Order) -> dict[str, Any]:
    return {"name": order.work.name, **_checked_json(order.checked)}


def _checked_json(checked: Checked) -> dict[str, Any]:
    info = checked.info
    return {
        "ok": info is not None,
        "reason": None if checked.refusal is None else str(checked.refusal),
        "hint": checked.hint or None,
        "info_file": None if info is None else info.file,
        "nb_proc": None if info is None else info.options.nb_proc,
        "mem": None if info is None else info.options.mem,
        "walltime": None if info is None else info.options.walltime,
        "command": checked.command or None,
        "notes": list(checked.notes),
    }


def _tell_refusal(path: str, checked: Checked) -> None:
    from qm.names import shown

    assert checked.refusal is not None
    tell(f"{shown(path)}: QM would refuse it: {shown(checked.refusal.text)}")
    if checked.hint:
        tell(f"  {shown(checked.hint)}")


def _say_ok(source: Source, checked: Checked) -> None:
    from qm.names import shown

    assert checked.info is not None
    say(f"OK: QM would take {shown(source.path)} as a job named {shown(source.name)}")
    print_pairs(
        {
            "  info file": shown(checked.info.file),
            "  command": shown(checked.command),
            "  needs": needs_of(checked.info.options),
        }
    )
    for note in checked.notes:
        say(f"  note: {shown(note)}")
