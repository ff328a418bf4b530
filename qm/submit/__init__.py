"""``qm submit``: stage a job beside the queue, and commit it with one rename."""

from qm.submit.check import Checked, check
from qm.submit.environment import caller_environment
from qm.submit.source import Filled, Made, Source, Work, source_of
from qm.submit.stage import Caller, Submission, submit

__all__ = [
    "Caller",
    "Checked",
    "Filled",
    "Made",
    "Source",
    "Submission",
    "Work",
    "caller_environment",
    "check",
    "source_of",
    "submit",
]
