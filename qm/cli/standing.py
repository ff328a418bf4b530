"""``qm status``: whether a manager runs, and how busy it is, as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qm.quantities import format_size
from qm.times import local_text, utc_seconds


def standing_text(found: dict[str, Any]) -> str:
    """The same as lines."""
    return "\n".join(_lines(found))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    jobs = ", ".join(f"{count} {state}" for state, count in found["jobs"].items())
    if not found["running"]:
        if not found["exists"]:
            yield f"There is no folder {found['folder']}; `qm init` makes it."
            return
        left = f" In its folders: {jobs}." if jobs else ""
        yield f"No QM runs on {found['folder']}; `qm start` starts one.{left}"
        yield from _steered(found)
        return
    since = f", since {local_text(utc_seconds(found['started']))}" if found["started"] else ""
    text = f"QM runs on {found['folder']} ({found['holder'] or 'just started'}{since})."
    if found["processors"] is not None:
        text += f" {found['in_use']} of {found['processors']} processors are in use."
    text += f" Jobs: {jobs}." if jobs else " There are no jobs."
    if found["obstacle"]:
        text += f" Nothing is started: {found['obstacle']}."
    yield text
    asked_for = _asked_for(found)
    if asked_for:
        yield f"Running jobs have asked for {asked_for}."
    yield from _steered(found)
    if found["page"]:
        yield f"Its page: {found['page']}"
    if found["log"]:
        yield f"Its log: {found['log']}"


def _asked_for(found: dict[str, Any]) -> str:
    """Memory and GPUs that running jobs hold; '' where none holds any."""
    parts = []
    if found["memory_in_use"]:
        whole = found["memory"]
        of = f" of {format_size(whole)}" if whole is not None else ""
        parts.append(f"{format_size(found['memory_in_use'])}{of} memory")
    if found["gpus_in_use"]:
        parts.append(f"{found['gpus_in_use']} of {found['gpus'] or '?'} GPUs")
    return " and ".join(parts)


def _steered(found: dict[str, Any]) -> Iterator[str]:
    drain, limits = found["drain"], found["limits"]
    if drain is not None:
        since = local_text(utc_seconds(drain["since"]))
        yield (
            f"It drains: {drain['who']} has let it start nothing new, since {since};"
            " `qm drain off` ends that."
        )
    if limits["processors"] is not None:
        yield f"The limit of {limits['processors']} processors was set by `qm limit`."
    if limits["memory"] is not None:
        yield f"The limit of {format_size(limits['memory'])} memory was set by `qm limit`."
