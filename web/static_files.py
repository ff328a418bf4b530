"""Style sheets and scripts, under names that change with what is in them.

All scripts go out as one, ``page.js``, which is also the shared worker: a first
visit asks for it once, and for nothing else but the style sheet.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import bottle

from web.problem import Problem
from web.routing import Role, Routes

if TYPE_CHECKING:
    from web.site import Site

FOLDER = Path(__file__).resolve().parent / "static"
SCRIPT = "page.js"
WORKER = "events.js"
IN_PAGES = ("qm.js", "live.js", "upload.js", "log.js")
_FOR_EVER = "public, max-age=31536000, immutable"
_DIGITS = 12
_WITHIN = 512
"""Bytes of a picture that goes out within the page itself."""
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
        found = {
            path.name: path.read_bytes()
            for path in sorted(folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        }
        found[SCRIPT] = script_of(found)
        by_name = {name: _file(name, data) for name, data in found.items()}
        by_served = {file.url.rpartition("/")[2]: file for file in by_name.values()}
        return cls(by_name, by_served)

    def url(self, name: str) -> str:
        """The address of the file ``name``; KeyError where there is none.

        A small picture is in its address (RFC 2397): it is not asked for.
        """
        file = self.by_name[name]
        if file.kind.startswith("image/svg") and len(file.data) <= _WITHIN:
            return f"data:image/svg+xml,{quote(file.data.decode())}"
        return file.url


def script_of(files: Mapping[str, bytes]) -> bytes:
    """The script of all pages, of those in ``files``; without a document it is the worker."""
    pages = b"\n".join(files[name] for name in IN_PAGES if name in files)
    return files.get(WORKER, b"") + b"\nif (typeof document !== 'undefined') {\n" + pages + b"\n}\n"


def _file(name: str, data: bytes) -> StaticFile:
    stem, _, suffix = name.rpartition(".")
    suffix = f".{suffix}"
    digest = hashlib.sha256(data).hexdigest()[:_DIGITS]
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0]
    if kind is not None and (kind.startswith("text/") or kind == "image/svg+xml"):
        kind += "; charset=utf-8"
    return StaticFile(
        url=f"/static/{stem}.{digest}{suffix}",
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
