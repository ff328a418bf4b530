"""A QM_FOLDER with many ended jobs, made without running them, and its page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.filled import filled
from qm.index import Index
from tests.web.served import Served, free_port, served, write_config
from web.tokens import new_token


@contextmanager
def filled_page(
    base: Path, waiting: int, ended: int, **web: object
) -> Iterator[tuple[Served, Index]]:
    """The page of such a folder under a lock that stands for the manager, and its index."""
    with filled(base / "QM", waiting, ended, 30.0) as (layout, index):
        port = free_port()
        config = write_config(base / "QMserv.cfg", Path(layout.root), port, **web)
        new_token(config.with_name("web-token"))
        with served(Path(layout.root), config, port) as page:
            yield page, index
