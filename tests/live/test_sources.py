"""Every way in which a folder comes: no job starts before all of it is there.

With the times of the options' defaults. All sources write at the same time into one
queue; each job's script adds up what it finds, and fails where anything is missing.
"""

from __future__ import annotations

import mmap
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live.bad_drops import cfg
from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(180)]

CFG = "proc_config.cfg"
DEFAULTS = {"Settle": "2", "Refuse_after": "30", "Empty_after": "600"}
ALL = "find data -type f | LC_ALL=C sort | xargs cat | cksum"
CHECK = f"""
found=$({ALL})
wanted=$(cat wanted)
echo "found $found, wanted $wanted"
test "$found" = "$wanted"
"""
PAUSE = 1.5

Write = Callable[[Path, Path], None]


def wait_as_a_slow_source_does(seconds: float) -> None:
    """The very thing that is tested: a network, a slow program, a person."""
    time.sleep(seconds)


def sealed(folder: Path) -> Path:
    """Give the folder a script that checks that all of ``data`` is there, byte by byte."""
    done = subprocess.run(["sh", "-c", ALL], cwd=folder, capture_output=True, text=True, check=True)
    (folder / "wanted").write_text(done.stdout, encoding="utf-8")
    (folder / "check.sh").write_text(CHECK, encoding="utf-8")
    (folder / CFG).write_bytes(cfg(script="sh check.sh"))
    return folder


def a_tree(folder: Path) -> Path:
    """Some hundred files in some folders, and one that takes a while."""
    chance = random.Random(7)
    for number in range(300):
        path = folder / "data" / f"part{number % 7}" / "deep" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.randrange(20_000)))
    (folder / "data" / "big").write_bytes(chance.randbytes(1 << 20) * 40)
    return sealed(folder)


def by(*command: str) -> Write:
    """A program that is given source and target."""
    if shutil.which(command[0]) is None:
        return _absent(command[0])

    def write(source: Path, target: Path) -> None:
        words = [word.format(source=source, target=target) for word in command]
        subprocess.run(words, check=True, timeout=120)

    return write


def _absent(program: str) -> Write:
    def write(source: Path, target: Path) -> None:
        pytest.skip(f"SKIPPED: {program} is not installed")

    return write


def cp_then_mv(source: Path, target: Path) -> None:
    """The recipe for a copy that starts at once."""
    hidden = target.with_name(f".{target.name}")
    shutil.copytree(source, hidden)
    hidden.rename(target)


def mv(source: Path, target: Path) -> None:
    copy = target.parent.parent / f"copy_{target.name}"
    shutil.copytree(source, copy)
    copy.rename(target)


def mv_from_another_disk(source: Path, target: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == target.parent.stat().st_dev:
        pytest.skip("SKIPPED: there is no second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=shm) as other:
        copy = Path(other) / target.name
        shutil.copytree(source, copy)
        subprocess.run(["mv", copy, target], check=True, timeout=120)


def tar(source: Path, target: Path) -> None:
    """Through a pipe that is slow: as from a network."""
    target.mkdir()
    pack = subprocess.Popen(["tar", "cf", "-", "-C", source, "."], stdout=subprocess.PIPE)
    unpack = subprocess.Popen(["tar", "xf", "-", "-C", target], stdin=subprocess.PIPE)
    with pack, unpack:
        assert pack.stdout is not None and unpack.stdin is not None
        while data := pack.stdout.read(8 << 20):
            unpack.stdin.write(data)
            wait_as_a_slow_source_does(0.5)
    assert pack.returncode == 0 and unpack.returncode == 0


def unzip(source: Path, target: Path) -> None:
    program = shutil.which("unzip")
    if program is None:
        pytest.skip("SKIPPED: unzip is not installed")
    archive = target.parent.parent / f"{target.name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in source.rglob("*"):
            packed.write(path, path.relative_to(source))
    subprocess.run([program, "-q", archive, "-d", target], check=True, timeout=120)


def _all_but_big(source: Path, target: Path) -> bytes:
    """Copy everything but the big file; returns what is to be in that."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("big"))
    return (source / "data" / "big").read_bytes()


def into_a_mapping(source: Path, target: Path) -> None:
    """The file has its full size at once, and no write is ever seen by an event."""
    content = _all_but_big(source, target)
    with (target / "data" / "big").open("w+b") as file:
        file.truncate(len(content))
        with mmap.mmap(file.fileno(), len(content)) as mapped:
            for start in range(0, len(content), 8 << 20):
                mapped[start : start + (8 << 20)] = content[start : start + (8 << 20)]
                wait_as_a_slow_source_does(1.2)


def into_reserved_space(source: Path, target: Path) -> None:
    """As programs that reserve the space first; with stalls longer than the settle time."""
    if sys.platform != "linux":
        pytest.skip("SKIPPED: space is reserved by posix_fallocate, which is not here")
    content = _all_but_big(source, target)
    with (target / "data" / "big").open("wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, len(content))
        for start in range(0, len(content), 16 << 20):
            os.pwrite(file.fileno(), content[start : start + (16 << 20)], start)
            wait_as_a_slow_source_does(2.5)


tells_writers = pytest.mark.skipif(
    sys.platform != "linux", reason="SKIPPED: only Linux tells who has a file open for writing"
)

SOURCES: dict[str, Write] = {
    "cp -r": by("cp", "-r", "{source}", "{target}"),
    "cp -a": by("cp", "-a", "{source}", "{target}"),
    "mv": mv,
    "mv from another disk": mv_from_another_disk,
    "cp to a dot-name, then mv": cp_then_mv,
    "rsync": by("rsync", "-a", "--bwlimit=15m", "{source}/", "{target}/"),
    "rsync in place": by("rsync", "-a", "--inplace", "--bwlimit=15m", "{source}/", "{target}/"),
    "rsync at the end": by("rsync", "-a", "--delay-updates", "{source}/", "{target}/"),
    "tar": tar,
    "unzip": unzip,
    "mmap": into_a_mapping,
    "fallocate": into_reserved_space,
}


@dataclass
class Copying:
    """A source at work in a thread of its own."""

    write: Callable[[], None]
    name: str
    ended: float | None = None
    """Seconds since the epoch."""
    error: BaseException | None = None
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.write()
            self.ended = time.time()
        except BaseException as error:
            self.error = error

    def join(self) -> float:
        """Wait for its end; returns when that was. What went wrong (or was skipped) is raised."""
        self.thread.join(120)
        if self.error is not None:
            raise self.error
        assert self.ended is not None, f"{self.name} does not end"
        return self.ended


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    """A queue with the times of the defaults."""
    queue = Queue(tmp_path_factory.mktemp("sources") / "QM", **DEFAULTS, MaxNbProcessors="2")
    queue.start()
    yield queue
    left = queue.end_everything()
    assert not left, f"processes outlived the tests: {left}"


@pytest.fixture(scope="module")
def copies(patient: Queue) -> Iterator[dict[str, Copying]]:
    """All sources at work at once."""
    source = patient.staging / "tree"
    source.mkdir()
    a_tree(source)
    copies = {name: begin(patient, name, write, source) for name, write in SOURCES.items()}
    yield copies
    for copying in copies.values():
        copying.thread.join(120)


def begin(queue: Queue, name: str, write: Write, source: Path) -> Copying:
    target = queue.folder / "QM_qJobs" / name
    return Copying(lambda: write(source, target), name)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=tells_writers) if name in ("mmap", "fallocate") else name
        for name in SOURCES
    ],
)
def test_a_job_starts_when_all_of_it_is_there_however_it_came(
    patient: Queue, copies: dict[str, Copying], name: str
) -> None:
    ended = copies[name].join()
    started_after(patient, name, ended)


def started_after(queue: Queue, name: str, ended: float) -> None:
    """The job found everything, and was started once, after its source had ended."""
    folder = queue.wait_done(name, timeout=60)
    log = queue.process_log(name)
    assert log.splitlines()[-1].endswith(" with code 0"), log
    # A rename is a moment before the program that makes it has ended.
    assert (folder / ".qm" / "start.json").stat().st_mtime > ended - 0.5
    assert queue.tree()["QM_lost+found"] == []


ORDERS = {
    "info first": (CFG, "check.sh", "wanted", "data/1", "data/2"),
    "info last": ("data/1", "data/2", "check.sh", "wanted", CFG),
    "info in the middle": ("data/1", CFG, "data/2", "check.sh", "wanted"),
    "script last": (CFG, "data/1", "data/2", "wanted", "check.sh"),
}


@pytest.fixture(scope="module")
def pauses(patient: Queue) -> Iterator[dict[str, Copying]]:
    """A copy by hand, file by file, in each of the orders, all at once."""
    source = patient.staging / "small"
    (source / "data").mkdir(parents=True)
    for number in (1, 2):
        (source / "data" / str(number)).write_bytes(os.urandom(1000))
    sealed(source)

    def in_order(files: tuple[str, ...]) -> Write:
        def write(source: Path, target: Path) -> None:
            (target / "data").mkdir(parents=True)
            for file in files[:-1]:
                shutil.copy2(source / file, target / file)
                wait_as_a_slow_source_does(PAUSE)
            shutil.copy2(source / files[-1], target / files[-1])

        return write

    copies = {name: begin(patient, name, in_order(files), source) for name, files in ORDERS.items()}
    yield copies
    for copying in copies.values():
        copying.thread.join(60)


@pytest.mark.parametrize("name", ORDERS)
def test_a_copy_with_pauses_is_neither_started_early_nor_refused(
    patient: Queue, pauses: dict[str, Copying], name: str
) -> None:
    """Pauses of 1.5 s, shorter than the settle time of 2 s; an info file that comes last counts."""
    ended = pauses[name].join()
    started_after(patient, name, ended)


def test_a_copy_with_pauses_is_waited_for_and_said_to_be(
    patient: Queue, pauses: dict[str, Copying]
) -> None:
    """What people see meanwhile, for a folder whose copy never ends here."""
    folder = patient.folder / "QM_qJobs" / "without end"
    folder.mkdir()
    (folder / "data").write_bytes(b"1")

    def reason() -> str:
        row = patient.row("without end")
        return str(row["reason"]) if row is not None and row["state"] == "ARRIVING" else ""

    wait_for("it settles", lambda: reason().startswith("Settling: last change "))
    wait_for("it lacks an info file", lambda: "NoInfo: " in reason() and "refused in" in reason())
    shutil.rmtree(folder)
