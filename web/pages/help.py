"""The help page: what a job looks like, its file's keys, states, keys of the page, commands."""

from __future__ import annotations

from qm.jobinfo.keys import KEYS
from qm.model import State
from web.routing import Role, Routes
from web.site import Site

STATES = (
    (State.ARRIVING, "Its folder is there, but not yet complete; the reason says what is missing."),
    (State.QUEUED, "It waits; the reason says for what, and where it can be known, until when."),
    (State.HELD, "It waits until somebody releases it."),
    (State.RUNNING, "Its script runs."),
    (State.SUSPENDED, "It stands still until somebody resumes it."),
    (State.FINISHED, "Its script ended with exit code 0. The folder is in QM_dJobs."),
    (State.FAILED, "Its script ended otherwise; the reason has the exit code or the signal."),
    (State.KILLED, "It was stopped: by somebody, or for its time or memory limit."),
    (State.CANCELLED, "It was removed before it started. The folder is in QM_lost+found."),
    (State.ABORTED, "A job that it depends on did not end as asked."),
    (State.REJECTED, "Its job file cannot be used; the reason has the line."),
    (State.LOST, "It vanished without a trace of its end: a power cut, a restart of the machine."),
)
PRESSES = (
    ("/", "search"),
    ("j  k", "next, previous job"),
    ("Enter", "open it"),
    ("r", "run it again, where it has ended"),
    ("s", "stop or cancel it"),
    ("h", "hold or release it; suspend or resume it where it runs"),
    ("p", "its priority"),
    ("d", "delete it, where it has ended"),
    ("f", "on the page of a job: follow its log"),
    ("n  N", "on the page of a job: next, previous match"),
    ("?", "this page"),
)
COMMANDS = (
    ("qm submit FOLDER", "copy a folder into the queue"),
    ('qm submit "python train.py --epochs 50"', "queue a command, run where you are"),
    ("qm list", "what waits, runs and has ended lately"),
    ("qm logs -f JOB", "follow what a job prints"),
    ("qm why JOB", "why it waits, or how it ended"),
    ("qm wait JOB && next", "go on when it has finished"),
    ("qm kill JOB", "stop it"),
    ("qm rerun JOB", "run it again"),
    ("qm dashboard", "all of this in a terminal"),
    ("qm web login", "a link that logs you in here"),
    ("qm --help", "all other commands"),
)


def add_routes(routes: Routes, site: Site) -> None:
    """``/help``."""

    def show() -> str:
        keys = [key for key in KEYS.values() if key.obeyed]
        return site.render(
            "help", title="Help", keys=keys, states=STATES, presses=PRESSES, commands=COMMANDS
        )

    routes.get("/help", Role.VIEWER, show)
