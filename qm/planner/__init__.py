"""Which waiting job starts next, and why the others wait. Pure: the time is an argument.

The rules are told in docs/SCHEDULING.md. :class:`Planner` answers for the
manager, step by step; :func:`explain` answers for lists, from the same data.
"""

from qm.planner.explain import Explanation, explain, explain_one
from qm.planner.jobs import Capacity, Needs, Running, Waiting
from qm.planner.planner import Planner

__all__ = [
    "Capacity",
    "Explanation",
    "Needs",
    "Planner",
    "Running",
    "Waiting",
    "explain",
    "explain_one",
]
