"""What can be said of a job before a byte of it is sent: by its list of files and its info file."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from qm.errors import InfoError
from qm.jobinfo.command import script_files
from qm.jobinfo.find import choose, missing
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.model import JobInfo
from qm.names import shown
from web.uploads.plan import Plan


@dataclass(frozen=True, slots=True)
class Preview:
    """``info_file`` is the one that counts; ``info`` what it says, where its text is known.

    ``refusal`` is a sentence on why QM would refuse the job, with a ``hint``.
    """

    info_file: str | None
    info: JobInfo | None = None
    refusal: str = ""
    hint: str = ""

    def as_data(self) -> dict[str, Any]:
        """For an answer."""
        options = None if self.info is None else self.info.options
        return {
            "info_file": self.info_file,
            "job": None
            if options is None
            else {
                "script": options.script,
                "info": options.info,
                "nb_proc": options.nb_proc,
                "mem": options.mem,
                "nb_gpu": options.nb_gpu,
                "walltime": options.walltime,
                "hold": options.hold,
            },
            "notes": [] if self.info is None else list(self.info.warnings),
            "refusal": self.refusal or None,
            "hint": self.hint or None,
        }


def preview(plan: Plan, text: str | None, limits: Limits) -> Preview:
    """What QM would say of this job; ``text`` is that of its info file, None while not known."""
    paths = {file.path for file in plan.files}
    name = choose({path for path in paths if "/" not in path}, limits.names)
    if name is None:
        refusal, hint = missing(paths, limits.names)
        return Preview(None, refusal=f"{refusal[0].upper()}{refusal[1:]}.", hint=hint)
    if text is None:
        return Preview(name)
    try:
        info = read_info(name, text.encode("utf-8", "replace"), limits, datetime.now(UTC))
    except InfoError as error:
        return Preview(name, refusal=f"{error.message}.", hint=error.hint)
    return _with_scripts(Preview(name, info), info, paths)


def _with_scripts(found: Preview, info: JobInfo, paths: Collection[str]) -> Preview:
    for script in script_files(info.options.script):
        path = posixpath.normpath(posixpath.join(info.options.cwd or "", script))
        if not posixpath.isabs(path) and path not in paths:
            return replace(
                found,
                refusal=f"{shown(script)}, which the job runs, is not here.",
                hint=f"Put it into the folder, or correct `script` in {info.file}.",
            )
    return found
