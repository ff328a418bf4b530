"""Telling people and programs how a job ended: by mail, to a web address, by a command.

:class:`Notifier` is the manager's door. A notice lies in the spool until it has
arrived; whatever happens to it is an event in ``events.jsonl`` and never
changes a job.
"""

from qm.notify.courier import Schedule
from qm.notify.journal import read_events
from qm.notify.notice import Event, Notice, brake_notice, notice_of
from qm.notify.notifier import Notifier

__all__ = [
    "Event",
    "Notice",
    "Notifier",
    "Schedule",
    "brake_notice",
    "notice_of",
    "read_events",
]
