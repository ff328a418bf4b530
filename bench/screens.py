"""Pictures of the dashboard for the README: `python -m bench.screens` makes them anew.

A real manager serves a new QM_FOLDER with some jobs; the dashboard looks at it without a
terminal, and what it shows is written to docs/.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.samples import Sample, drop, manager, until
from qm.cli.dashboard import Verbs
from qm.cli.session import Session
from qm.dashboard.app import Dashboard
from qm.dashboard.look import Meters
from qm.osops.usage import machine_usage, tree_usage

DOCS = Path(__file__).resolve().parents[1] / "docs"
_ELSEWHERE = re.compile(r"\s*@font-face \{.*?\}|\s*<!--.*?-->", re.DOTALL)
"""The pictures fetch nothing: any fixed-width font does."""


COUNT = "for i in $(seq 1 {total}); do echo processing $i / {total}; sleep {pause}; done"
ENDED = (
    Sample("hsqc_batch_05", "echo 64 / 64"),
    Sample("noesy_short", "echo 'reference missing: peaks.txt'; exit 3"),
    Sample("hsqc_batch_06", "sleep 2; echo 64 / 64", 2),
    Sample("refused", "true", 0),
)
RUNNING = (
    Sample("hsqc_batch_07", COUNT.format(total=64, pause=0.4), 2, more="walltime : 2h"),
    Sample("noesy_long", "for e in 1 2 3 4; do echo Epoch $e/20; sleep 5; done; sleep 60"),
    Sample("dosy_screen", "echo reading spectra; sleep 300", 1, more="walltime : 1-00:00:00"),
)
WAITING = (
    Sample("tocsy_07", "true", 4),
    Sample("report", "true", 1, more="hold : yes"),
    Sample("hsqc_batch_08", "sleep 1", 2, more="walltime : 2h"),
    Sample("hsqc_batch_09", "sleep 1", 2, more="walltime : 2h"),
    Sample("urgent", "true", 3, more="priority : 10"),
)


def main() -> int:
    """Make the pictures; the exit code is 1 where the sample folder is taken."""
    root = Path(tempfile.gettempdir()) / "QM"
    if root.exists():
        print(f"{root} is there already; the sample QM_FOLDER is made under that name.")
        return 1
    try:
        with _served(root) as session:
            _fill(session, root)
            asyncio.run(_draw(session))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 0


@contextmanager
def _served(root: Path) -> Iterator[Session]:
    root.mkdir()
    config = root / "QMserv.cfg"
    lines = ("[QMServer]", f"QM_FOLDER = {root}", "MaxNbProcessors = 4", "Settle = 0.2")
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    session = Session(config, None)
    with manager(config, session.layout, RUNNING, "--no-web"):
        yield session


def _fill(session: Session, root: Path) -> None:
    until("the manager", (root / "QM_qJobs").is_dir)
    for sample in ENDED:
        drop(session.layout, sample)
    until("all ends", lambda: _count(root, "QM_dJobs", "QM_lost+found") == len(ENDED))
    for sample in RUNNING:
        drop(session.layout, sample)
    until("all starts", lambda: _count(root, "QM_Jobs") == len(RUNNING))
    for sample in WAITING:
        drop(session.layout, sample)
    log = root / "QM_Jobs" / RUNNING[0].name / "process.log"
    until("progress", lambda: b"23 / 64" in log.read_bytes())


def _count(root: Path, *places: str) -> int:
    return sum(entry.is_dir() for place in places for entry in (root / place).iterdir())


async def _draw(session: Session) -> None:
    await _picture(session, (80, 24), DOCS / "dashboard.svg", DOCS / "screens" / "dashboard.txt")
    await _picture(session, (150, 40), DOCS / "dashboard-wide.svg", None)


async def _picture(session: Session, size: tuple[int, int], svg: Path, text: Path | None) -> None:
    meters = Meters(machine_usage, tree_usage)
    app = Dashboard(session.layout, Verbs(session).carry_out, meters)
    async with app.run_test(size=size) as pilot:
        # Until the use of processors, which is a difference, has been seen twice.
        await pilot.pause(5)
        svg.write_text(_ELSEWHERE.sub("", app.export_screenshot(title="qm dashboard")), "utf-8")
        if text is not None:
            text.parent.mkdir(exist_ok=True)
            strips = app.screen._compositor.render_strips()
            text.write_text("\n".join(strip.text.rstrip() for strip in strips) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
