"""Whether this QM_FOLDER can do what QM needs: asked at each start, and by ``qm doctor``."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from dataclasses import dataclass

from qm.errors import QMError
from qm.folders.layout import Layout
from qm.model import Place
from qm.osops import file_system_type

_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "fuse")
_PROBE = ".qm-probe-"


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What was found. ``trust_ctime``: the quick rule for folders that are moved in holds."""

    trust_ctime: bool
    network: bool
    findings: tuple[str, ...]
    """Sentences for a person; empty where all is as it should be."""


def self_test(layout: Layout) -> SelfTest:
    """Move a probe folder through all four folders. QMError where that does not work."""
    sweep_probes(layout)
    findings = []
    name = f"{_PROBE}{uuid.uuid4().hex[:12]}"
    path = layout.path(Place.WAITING, name)
    try:
        os.mkdir(path)
        inner = os.path.join(path, "file")
        with open(inner, "w", encoding="ascii") as file:
            file.write("probe")
        before = os.stat(inner).st_ctime_ns
        _past(before)
        for place in (Place.RUNNING, Place.DONE, Place.LOST):
            target = layout.path(place, name)
            os.rename(path, target)  # noqa: TID251 the very thing that is tested
            path = target
        trust = os.stat(os.path.join(path, "file")).st_ctime_ns == before
    except OSError as error:
        raise QMError(
            f"QM cannot work in {layout.root}: moving a folder from {os.path.dirname(path)}"
            f" on through the four folders fails: {error.strerror}",
            "All four must be ordinary folders of one file system (not separate mounts), and"
            " yours to write.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(path)
    kind = file_system_type(layout.root)
    network = kind.startswith(_NETWORK)
    if network:
        findings.append(
            f"{layout.root} is on {kind}: changes made by other machines are seen by listing only"
        )
    if not trust:
        findings.append(
            "this file system changes the times of files when their folder moves: a folder that"
            " is moved in waits as long as one that is copied in"
        )
    return SelfTest(trust and not network, network, tuple(findings))


def _past(stamp: int) -> None:
    """Let the file system's clock go on, so that a changed ctime would show."""
    until = time.monotonic() + 0.02
    while time.time_ns() - stamp < 10_000_000 and time.monotonic() < until:
        time.sleep(0.002)


def sweep_probes(layout: Layout) -> None:
    """Remove probes that a crash left."""
    for place in Place:
        with contextlib.suppress(OSError):
            for name in os.listdir(layout.place(place)):
                if name.startswith(_PROBE):
                    shutil.rmtree(layout.path(place, name), ignore_errors=True)
