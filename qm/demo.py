"""``qm demo``: one sample job from drop to done, on a QM of its own where none runs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from qm.config import Config
from qm.control.client import ask, who_asks
from qm.control.managerlock import manager_runs
from qm.errors import QMError
from qm.folders.layout import Layout
from qm.jobfiles import LOG
from qm.model import State
from qm.names import shown
from qm.samples import sample_job
from qm.submit import Caller, Source, caller_environment, submit
from qm.view import Entry, find, locate
from qm.view.follow import follow
from qm.view.joblog import LogReader

FOLDER = "QM-demo"
_START_PATIENCE = 20.0
_ANSWER_PATIENCE = 30.0
_MOVE_PATIENCE = 15.0
_STOP_PATIENCE = 30.0
_POLL = 0.05

Say = Callable[[str], None]


class Demo:
    """Works in the configured QM_FOLDER if a manager runs there, else in ~/QM-demo."""

    def __init__(self, config: Config, layout: Layout, say: Say) -> None:
        self._config = config
        self._layout = layout
        self._say = say

    def run(self, name: str) -> int:
        """Run the sample job ``name``; the exit code is 0 if it finished, else 1.

        Raises QMError where there is no such sample, or QM does not start.
        """
        sample = sample_job(name)
        if manager_runs(self._layout):
            self._say(f"QM runs on {self._layout.root}: the demo goes there.")
            return self._show(self._layout, sample)
        layout = Layout(os.path.join(os.path.expanduser("~"), FOLDER))
        layout.create()
        if manager_runs(layout):
            return self._show(layout, sample)
        self._say(f"No QM runs: one is started on {layout.root}, for this demo only.")
        with self._manager(layout):
            return self._show(layout, sample)

    @contextlib.contextmanager
    def _manager(self, layout: Layout) -> Iterator[None]:
        """A manager as a process of its own, stopped at the end."""
        command = [sys.executable, "-m", "qm", "--folder", layout.root]
        if self._config.source is not None:
            command += ["--config", str(self._config.source)]
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [*command, "serve", "--no-web"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            try:
                _wait_for_start(process, layout)
                yield
            except QMError:
                if process.poll() is not None:
                    output.seek(0)
                    said = output.read().decode("utf-8", "replace").strip()
                    raise QMError("QM did not start:", said) from None
                raise
            finally:
                process.terminate()
                try:
                    process.wait(_STOP_PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _show(self, layout: Layout, sample: Path) -> int:
        job = self._drop(layout, sample)
        try:
            self._follow(layout, job)
            ended = _wait_for_end(layout, job)
        except BaseException:
            # Ctrl-C, or the folder was taken away: the demo leaves nothing running.
            with contextlib.suppress(QMError):
                ask(layout, "kill", (str(job),), timeout=_ANSWER_PATIENCE, grace=1.0)
            raise
        return self._tell_end(layout, ended, sample)

    def _drop(self, layout: Layout, sample: Path) -> int:
        """Submit a copy of the sample; returns the job's id."""
        source = Source(str(sample), sample.name)
        caller = Caller(who_asks(), os.getcwd(), caller_environment(os.environ))
        dropped = submit(layout, source, caller, move=False, hold=False, sync=False)
        self._say(f"Dropped a copy of {sample} into {layout.root}{os.sep}QM_qJobs.")
        answer = ask(layout, "accepted", (dropped.token,), timeout=_ANSWER_PATIENCE)
        job = answer["submissions"][dropped.token]
        who = f"job {job['id']} ({shown(job['name'])})"
        if job["state"] == State.REJECTED:
            self._say(f"QM refused it as {who}: {shown(job['reason'] or '')}")
        else:
            self._say(f"QM took it as {who}. What it prints:")
        self._say("")
        return int(job["id"])

    def _follow(self, layout: Layout, job: int) -> None:
        def write(text: str) -> None:
            sys.stdout.write("".join(f"  | {line}" for line in text.splitlines(keepends=True)))
            sys.stdout.flush()

        follow(LogReader(layout, find(layout, str(job))), write, self._say)

    def _tell_end(self, layout: Layout, job: Entry, sample: Path) -> int:
        folder = locate(layout, job) or "nowhere: somebody took it away"
        reason = f" ({shown(job.reason)})" if job.reason else ""
        self._say("")
        self._say(f"{job.label} is {job.state}{reason}. Its folder lies in {shown(folder)}")
        results = _new_files(folder, sample)
        if results:
            self._say(f"with {LOG} and what it wrote: {', '.join(map(shown, results))}.")
        self._say("")
        self._say("Next: `qm serve` starts QM, and its page, on your own QM_FOLDER;")
        self._say(f"      `qm submit {sample.parent}{os.sep}parallel_sum`, and `qm list`;")
        self._say("      put a proc_config.cfg like the samples' into a folder of your own.")
        return 0 if job.state == State.FINISHED else 1


def _wait_for_start(process: subprocess.Popen[bytes], layout: Layout) -> None:
    until = time.monotonic() + _START_PATIENCE
    while not manager_runs(layout):
        if process.poll() is not None or time.monotonic() > until:
            raise QMError("QM did not start in time", "`qm doctor` looks for the cause.")
        time.sleep(_POLL)


def _wait_for_end(layout: Layout, job: int) -> Entry:
    """The job once its folder lies in its last place; QMError where that takes too long."""
    until = time.monotonic() + _MOVE_PATIENCE
    while True:
        entry = find(layout, str(job))
        path = locate(layout, entry) if entry.ended is not None else None
        if path is not None and os.path.basename(os.path.dirname(path)) == entry.place:
            return entry
        if time.monotonic() > until:
            raise QMError(f"{entry.label} is still {entry.state}", "`qm why` tells more.")
        time.sleep(_POLL)


def _new_files(folder: str, sample: Path) -> list[str]:
    """What the job has put beside the sample's files."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(
        n for n in names if n != LOG and not n.startswith(".") and not (sample / n).exists()
    )
