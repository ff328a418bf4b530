"""Sample jobs for pictures, and a real manager that runs them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.waiting import wait_for
from qm.control.client import ask
from qm.errors import QMError
from qm.folders.layout import Layout

PATIENCE = 90.0
"""Seconds for a job, or a manager, to come where it is to be."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One job of the picture. ``owner`` is an address; ``more`` is a line of its info file."""

    name: str
    script: str
    nb_proc: int = 1
    owner: str = ""
    info: str = ""
    more: str = ""


@contextmanager
def manager(config: Path, layout: Layout, running: Iterable[Sample], *more: str) -> Iterator[None]:
    """`qm serve` with the arguments ``more``; in the end these jobs are killed, and it stops."""
    command = [sys.executable, "-m", "qm", "--config", str(config), "serve", *more]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
        for sample in running:
            with contextlib.suppress(QMError):  # It may have ended by itself.
                ask(layout, "kill", (sample.name,), timeout=PATIENCE, grace=0.0)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def drop(layout: Layout, sample: Sample) -> None:
    """As people do it, by one rename."""
    staged = Path(layout.root) / ".staged"
    staged.mkdir()
    lines = ["[QMOptions]", f"script : {sample.script}", f"nb_proc : {sample.nb_proc}"]
    lines += [f"e_mail : {sample.owner}"] if sample.owner else []
    lines += [f"info : {sample.info}"] if sample.info else []
    text = "\n".join([*lines, sample.more]) + "\n"
    (staged / "proc_config.cfg").write_text(text, encoding="utf-8")
    staged.rename(Path(layout.root) / "QM_qJobs" / sample.name)


def until(what: str, fact: Callable[[], bool]) -> None:
    """Wait for a fact; TookTooLongError where it does not come true."""
    wait_for(what, fact, PATIENCE, 0.05)
