"""The templates of ``views/``: escaped, in one frame, with the names that all of them use."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import bottle

from qm.quantities import format_duration, format_size
from qm.times import known_seconds, local_text
from web.cookies import cookie_values
from web.roles import caller

FOLDER = Path(__file__).resolve().parent / "views"
NAVIGATION = (
    ("Jobs", "/QM"),
    ("Timeline", "/timeline"),
    ("Stats", "/stats"),
    ("System", "/system"),
    ("Help", "/help"),
)
_BASE = "base"
_NEVER_IN_A_PATH = frozenset({"", ".", ".."})


class Templates:
    """Loads ``views/*.tpl`` once.

    Every template knows ``href``, ``static``, ``when``, ``stamp``, ``span``,
    ``size`` and ``caller`` (who looks, a :class:`web.roles.Caller`).
    """

    def __init__(
        self,
        static_url: Callable[[str], str],
        clock: Callable[[], float],
        folder: Path = FOLDER,
    ) -> None:
        """``static_url`` gives the address of a style sheet or script, ``clock`` the epoch time."""
        self._clock = clock
        self._names: dict[str, Any] = {
            "href": href,
            "static": static_url,
            "when": lambda utc: when(utc, clock()),
            "stamp": stamp,
            "span": span,
            "size": size,
        }
        self._templates = {
            path.stem: bottle.SimpleTemplate(
                source=path.read_text(encoding="utf-8"), lookup=[str(folder)]
            )
            for path in sorted(folder.glob("*.tpl"))
        }

    def render(
        self,
        name: str,
        /,
        *,
        title: str,
        refresh: float | None = None,
        queue_folder: str = "",
        **values: Any,
    ) -> str:
        """The page ``views/<name>.tpl`` within ``views/base.tpl``.

        ``refresh`` is after how many seconds a browser without scripts shall load
        the page again. ``queue_folder`` is what to start QM on again, should it end
        while somebody looks.
        """
        body = self.part(name, **values)
        frame = {
            "body": body,
            "title": title,
            "refresh": None if refresh is None else max(1, math.ceil(refresh)),
            "navigation": NAVIGATION,
            "here": bottle.request.path if bottle.request.environ else "",
            "theme": theme(),
            "queue_folder": queue_folder,
        }
        return self.part(_BASE, **frame)

    def part(self, name: str, /, **values: Any) -> str:
        """``views/<name>.tpl`` alone, for a piece of a page; KeyError where there is none."""
        text: str = self._templates[name].render({**self._names, "caller": caller(), **values})
        # A name that is no UTF-8 must not end a page: it is shown as \udcff.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def theme() -> str:
    """``light`` or ``dark`` where the person at the browser has chosen one."""
    header = bottle.request.environ.get("HTTP_COOKIE", "")
    chosen = next(iter(cookie_values(header, "qm_theme")), "")
    return chosen if chosen in ("light", "dark") else ""


def href(*parts: str | int | bytes, **query: object) -> str:
    """The path of these parts, each one quoted whole, with a query string.

    ``href("job", 7, q="a b")`` is ``/job/7?q=a+b``. Undecodable bytes in a
    name survive. A query value None is left out, a list repeats. Raises
    ValueError for a part that a browser would take for another folder.
    """
    path = "/" + "/".join(map(_quoted, parts))
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given, doseq=True, errors='replace')}" if given else path


def _quoted(part: str | int | bytes) -> str:
    raw = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogateescape")
    if raw.decode("latin-1") in _NEVER_IN_A_PATH:
        raise ValueError(f"{part!r} is no part of an address")
    return quote(raw, safe="")


def when(utc: str | None, now: float) -> str:
    """A time of a record, short and local: ``07:53``, ``yesterday 07:53``, ``2026-11-02 07:53``."""
    seconds = known_seconds(utc)
    if seconds is None:
        return ""
    then, today = _local(seconds), _local(now).date()
    clock = f"{then:%H:%M}"
    if then.date() == today:
        return clock
    if then.date() == today - timedelta(days=1):
        return f"yesterday {clock}"
    return f"{then:%Y-%m-%d} {clock}"


def stamp(utc: str | None) -> str:
    """A time of a record in full: local, with its offset."""
    seconds = known_seconds(utc)
    return "" if seconds is None else local_text(seconds)


def span(seconds: float | None) -> str:
    """A duration in whole seconds: ``1 min 55 s``."""
    return "" if seconds is None else format_duration(float(max(0, int(seconds))))


def size(count: int | None) -> str:
    """A number of bytes: ``1.5 GiB``."""
    return "" if count is None else format_size(count)


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone()
