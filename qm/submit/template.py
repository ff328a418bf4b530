"""The template of a sweep: which of its files have fields, and what becomes of those."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from qm.errors import FileError, QMError, Refused
from qm.jobinfo.cfg import SECTION
from qm.jobinfo.find import choose
from qm.jobinfo.interpreters import from_suffix
from qm.jobinfo.items import normalise, split_pair
from qm.names import shown
from qm.submit import fields
from qm.submit.fields import Unfilled, Values
from qm.submit.source import Filled, Made, Source

_ALWAYS = ("*.in", "*.tmpl")
_MARKERS = frozenset({".in", ".tmpl"})
_MOST_BYTES = 16 << 20
_CFG = frozenset({".cfg", ".ini"})
_XML = frozenset({".xml", ".html", ".htm", ".svg"})

Filler = Callable[[str, Values], str]


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file of a template in which fields are filled in, and how."""

    name: str
    text: str
    fill: Filler


@dataclass(frozen=True, slots=True)
class Template:
    """A folder or a script with fields. ``files`` are those that have some."""

    work: Source | Made
    files: Sequence[TextFile] = field(default=())

    def filled(self, values: Values, name: str) -> Filled | Made:
        """A job of this template; Unfilled where a value cannot go into its place."""
        files: dict[str, bytes] = {}
        for file in self.files:
            try:
                files[file.name] = file.fill(file.text, values).encode()
            except Unfilled as error:
                raise Unfilled(f"{shown(file.name)}: {error}", error.hint) from error
        if isinstance(self.work, Made):
            return replace(self.work, name=name, files={**self.work.files, **files})
        return Filled(self.work, name, files)


def template_of(
    work: Source | Made, columns: Sequence[str], job_files: Sequence[str], globs: Sequence[str]
) -> Template:
    """Read what is filled in: the info file, files named ``*.in`` or ``*.tmpl``, and ``globs``.

    A glob without a slash is one of names, in whichever folder. Raises QMError
    for a file that cannot be read, a glob without files, and for a field in the
    options of the info file that is no column.
    """
    if isinstance(work, Source) and work.stored_as is not None:
        text = _text_of(work.path, work.path)
        work = Made(work.name, work.stored_as, {work.stored_as: text.encode()})
    if isinstance(work, Made):
        script = _decoded(work.files[work.info_file], work.info_file)
        file = TextFile(work.info_file, script, fields.fill_code)
        return Template(work, _with_fields([file], columns))
    return Template(work, _with_fields(_files(work, columns, job_files, globs), columns))


def _with_fields(files: Sequence[TextFile], columns: Sequence[str]) -> list[TextFile]:
    return [file for file in files if fields.fields_in(file.text, columns)]


def _files(
    work: Source, columns: Sequence[str], job_files: Sequence[str], globs: Sequence[str]
) -> list[TextFile]:
    info_file = choose(os.listdir(work.path), job_files)
    unused, found = dict.fromkeys(globs), []
    for name in _names(work.path):
        asked = [pattern for pattern in globs if _matches(name, pattern)]
        for pattern in asked:
            unused.pop(pattern, None)
        if not asked and name != info_file and not any(_matches(name, p) for p in _ALWAYS):
            continue
        try:
            text = _text_of(os.path.join(work.path, *name.split("/")), name)
        except Refused:
            # What happens to be called so, and is no text, is copied as it is.
            if asked or name == info_file:
                raise
            continue
        if name == info_file:
            _check_info(name, text, columns)
        found.append(TextFile(name, text, _filler(name, text, is_info=name == info_file)))
    if unused:
        raise Refused(f"no file in {shown(work.path)} matches --fill {shown(next(iter(unused)))}")
    return found


def _names(folder: str) -> Iterator[str]:
    """Plain files below ``folder``, by their relative paths with ``/``."""
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != ".qm"]
        for name in files:
            whole = os.path.join(path, name)
            if not os.path.islink(whole) and os.path.isfile(whole):
                yield os.path.relpath(whole, folder).replace(os.sep, "/")


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name if "/" in pattern else name.rpartition("/")[2], pattern)


def _text_of(path: str, name: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise QMError(f"cannot read {shown(name)}: {error.strerror or error}") from error
    return _decoded(data, name)


def _decoded(data: bytes, name: str) -> str:
    if len(data) > _MOST_BYTES:
        raise Refused(f"{shown(name)} is larger than {_MOST_BYTES >> 20} MiB, too large to fill in")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{shown(name)} is not UTF-8 text, so nothing is filled in there") from error


def _filler(name: str, text: str, *, is_info: bool) -> Filler:
    """How a value goes into a file: by what its name, or its first line, says that it is."""
    path = PurePath(name)
    while path.suffix.lower() in _MARKERS:
        path = path.with_suffix("")
    suffix = path.suffix.lower()
    if is_info and suffix in _CFG:
        return _fill_cfg
    if is_info or text.startswith("#!") or from_suffix(path.name) is not None:
        return fields.fill_code
    if suffix == ".json":
        return fields.fill_json
    return fields.fill_xml if suffix in _XML else fields.fill_text


def _check_info(name: str, text: str, columns: Sequence[str]) -> None:
    """A field that is no column is a slip in options; a script is full of other braces."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in _CFG and suffix != ".xml":
        return
    ours = suffix == ".xml"
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if suffix in _CFG and stripped.startswith("["):
            ours = stripped[1:].partition("]")[0].strip().lower() == SECTION.lower()
        elif ours and not stripped.startswith(("#", ";")):
            try:
                fields.refuse_unknown(line, columns)
            except Unfilled as error:
                raise FileError(name, number, str(error), hint=error.hint) from error


def _fill_cfg(text: str, values: Values) -> str:
    return "\n".join(_fill_option(line, values) for line in text.split("\n"))


def _fill_option(line: str, values: Values) -> str:
    """Only what stands behind the key is filled in: a table does not choose keys.

    Whichever section it is in, a ``script`` gets its words quoted.
    """
    pair = split_pair(line)
    if pair is None:
        return fields.fill_line(line, values)
    key, value = pair
    start = len(line.rstrip()) - len(value)
    filled = fill_of(normalise(key))(value, values)
    if "\n" in filled or "\r" in filled:
        raise Unfilled(f"the value of {key} would have a line break, and this is one line")
    return line[:start] + filled + line[start + len(value) :]


def fill_of(key: str) -> Filler:
    """How a value goes into the option ``key``."""
    return {"script": fields.fill_command, "env": fields.fill_env}.get(key, fields.fill_line)
