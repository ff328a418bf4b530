"""Style sheets and scripts, under names that change with what is in them."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bottle

from web.problem import Problem
from web.routing import Role, Routes

if TYPE_CHECKING:
    from web.site import Site

FOLDER = Path(__file__).resolve().parent / "static"
_FOR_EVER = "public, max-age=31536000, immutable"
_DIGITS = 12
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".ico": "image/x-icon"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file; ``packed`` is the same with gzip."""

    url: str
    kind: str
    data: bytes
    packed: bytes


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """All files of ``web/static``, read and packed once."""

    by_name: Mapping[str, StaticFile]
    by_served_name: Mapping[str, StaticFile]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> StaticFiles:
        """Read the folder; OSError where it cannot be read."""
        by_name = {
            path.name: _read(path)
            for path in sorted(folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        }
        by_served = {file.url.rpartition("/")[2]: file for file in by_name.values()}
        return cls(by_name, by_served)

    def url(self, name: str) -> str:
        """The address of the file ``name``; KeyError where there is none."""
        return self.by_name[name].url

    def __contains__(self, name: str) -> bool:
        return name in self.by_name


def _read(path: Path) -> StaticFile:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:_DIGITS]
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    if kind is not None and (kind.startswith("text/") or kind == "image/svg+xml"):
        kind += "; charset=utf-8"
    return StaticFile(
        url=f"/static/{path.stem}.{digest}{path.suffix}",
        kind=kind or "application/octet-stream",
        data=data,
        packed=gzip.compress(data, mtime=0),
    )


def add_routes(routes: Routes, site: Site) -> None:
    """``/static/<name>.<hash>.<ext>``; for everybody, the login page needs them too."""

    def static_file(name: str) -> bottle.HTTPResponse:
        file = site.static.by_served_name.get(name)
        if file is None:
            raise Problem(404)
        headers = {"Content-Type": file.kind, "Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
        if "gzip" in bottle.request.get_header("Accept-Encoding", ""):
            return bottle.HTTPResponse(file.packed, 200, headers, Content_Encoding="gzip")
        return bottle.HTTPResponse(file.data, 200, headers)

    routes.get("/static/<name>", Role.OPEN, static_file)
