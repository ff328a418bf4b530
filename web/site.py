"""What the handlers of all pages share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qm.config import Config
from qm.control.client import ask, who_asks
from qm.folders.layout import Layout
from qm.names import shown
from qm.times import utc_text
from qm.view import View, load
from web.access import Access
from web.archive import Turns
from web.capability import Capabilities
from web.hosts import is_for_this_machine
from web.ratelimit import Turnstile
from web.roles import Role
from web.slots import Slots, event_slots
from web.static_files import StaticFiles
from web.templates import Templates

_RECENT = 24 * 3600.0
_KEEP = 1.0
_PATIENCE = 20.0
_SEARCHES = 2


class Looker:
    """The view of the queue, read at most once a second however many browsers ask."""

    def __init__(self, read: Callable[[], View], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._view: View | None = None
        self._at = 0.0

    def view(self) -> View:
        """The view, at most a second old."""
        with self._lock:
            if self._view is None or self._clock() - self._at >= _KEEP:
                self._view = self._read()
                self._at = self._clock()
            return self._view


@dataclass(frozen=True, slots=True)
class Rights:
    """The role that an action needs, as QMserv.cfg has it.

    An operator may do everything. On a page that only this machine may open,
    Delete_Jobs and Licence_to_kill let also a viewer delete and stop;
    Display_details = no keeps logs and files for operators.
    """

    details: Role
    kill: Role
    delete: Role


def rights_of(config: Config) -> Rights:
    """What the options say."""
    web = config.web
    here = is_for_this_machine(web)
    return Rights(
        details=Role.VIEWER if web.display_details else Role.OPERATOR,
        kill=Role.VIEWER if web.licence_to_kill and here else Role.OPERATOR,
        delete=Role.VIEWER if web.delete_jobs and here else Role.OPERATOR,
    )


@dataclass(frozen=True)
class Site:
    """One QM_FOLDER and its page: what handlers need, given to each feature's add_routes."""

    layout: Layout
    config: Config
    look: Looker
    rights: Rights
    access: Access
    """Who is who; ``access.still_holds(caller)`` for answers that go on for long."""
    templates: Templates
    static: StaticFiles
    streams: Slots = field(default_factory=event_slots)
    """Places for those who follow the events."""
    archives: Turns = field(default_factory=Turns)
    """How many zips of jobs may be made at once."""
    reports: Capabilities = field(default_factory=lambda: Capabilities(time.time))
    """Makes the addresses under which reports are shown, and checks them."""
    searches: Turnstile = field(default_factory=lambda: Turnstile(_SEARCHES))
    """``with site.searches:`` around a search; a third one at once is told to come again."""

    def who(self) -> str:
        """The name that requests to the manager carry: that of the person QM belongs to."""
        return who_asks()

    def ask(
        self,
        verb: str,
        targets: tuple[str, ...],
        *,
        data: Mapping[str, Any] | None = None,
        timeout: float = _PATIENCE,
        grace: float | None = None,
    ) -> dict[str, Any]:
        """Ask the manager, and wait until it has happened; ``timeout`` is in seconds.

        Raises NotRunning without a manager, QMError where the answer is no.
        Handlers let both pass: they become answers.
        """
        return ask(self.layout, verb, targets, timeout=timeout, grace=grace, data=data)

    def render(self, name: str, /, *, title: str, **values: Any) -> str:
        """The page of ``views/<name>.tpl`` in its frame."""
        folder = shown(self.layout.root)
        return self.templates.render(name, title=title, queue_folder=folder, **values)


def make_site(config: Config) -> Site:
    """The site of a configuration; ConfigError where the token lies in QM_FOLDER."""
    layout = Layout(str(config.folder))
    static = StaticFiles.load()
    return Site(
        layout=layout,
        config=config,
        look=Looker(lambda: load(layout, utc_text(time.time() - _RECENT)), time.monotonic),
        rights=rights_of(config),
        access=Access(config),
        templates=Templates(static.url, time.time),
        static=static,
    )
