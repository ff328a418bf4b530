"""The index: a view of folders and records in SQLite, for quick answers.

It may be deleted at any moment; the manager notices and makes it anew. Rows
of ended jobs are committed before their folders appear in their last place.
"""

from qm.index.reader import IndexReader, reading
from qm.index.rows import ArrivalRow, Row, row_of
from qm.index.trouble import GIVE_UP, remove_index
from qm.index.writer import Index

__all__ = [
    "GIVE_UP",
    "ArrivalRow",
    "Index",
    "IndexReader",
    "Row",
    "reading",
    "remove_index",
    "row_of",
]
