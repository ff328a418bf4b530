"""What waits, runs and has ended, with reasons: read from the index, else from the folders."""

from qm.view.entries import Entry, View
from qm.view.load import find, load, locate, target_of
from qm.view.query import Query

__all__ = ["Entry", "Query", "View", "find", "load", "locate", "target_of"]
