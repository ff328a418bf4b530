"""Makes list.txt and wait.txt beside it, from a real run: ``python docs/screens/make.py``.

Needs a POSIX system, for its terminals. Takes half a minute.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
WIDTH = 100
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COUNT = "for i in 1 2 3 4 5 6 7 8; do echo step $i / 8; sleep 0.5; done"
JOBS = {
    "prepare": ("true", ""),
    "fit_galaxy_ngc4993_long_exposure_with_all_of_the_filters_r7": (COUNT, "nb_proc : 2"),
    "fit_galaxy_m31": ("sleep 3", "walltime : 20"),
    "broken": ("echo no such file; exit 3", ""),
    "train_resnet": ("sleep 2", "nb_proc : 4\npriority : 5\nwalltime : 30"),
    "plots": ("sleep 1", ""),
    "held_back": ("true", "hold : yes"),
    "report": ("sleep 1", "after : plots"),
}


def main() -> None:
    """Run the jobs, and look at them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "QMserv.cfg"
        config.write_text(
            f"[QMServer]\nQM_FOLDER = {folder / 'QM'}\nMaxNbProcessors = 4\nSettle = 0.2\n",
            encoding="utf-8",
        )
        qm = [sys.executable, "-m", "qm", "--config", str(config)]
        log = folder / "serve.log"
        with log.open("wb") as said:
            manager = subprocess.Popen([*qm, "serve", "--no-web"], stdout=said, stderr=said)
        try:
            wait_for_text(log, "QM serves")
            for job, (script, more) in JOBS.items():
                drop(folder, job, script, more)
                time.sleep(0.3)
            time.sleep(1.0)
            listed = "".join(on_a_terminal([*qm, "list"]))
            write("list.txt", "$ qm list\n" + plain(listed))
            subprocess.run([*qm, "kill", "held_back"], check=True, stdout=subprocess.DEVNULL)
            for number in range(1, 13):
                drop(
                    folder,
                    f"sweep_{number:02}",
                    "sleep 1; exit 1" if number == 10 else "sleep 2",
                    "",
                )
            time.sleep(1.0)
            write("wait.txt", "$ qm wait\n" + bars(on_a_terminal([*qm, "wait"])))
        finally:
            manager.send_signal(signal.SIGTERM)
            manager.wait(30)


def drop(folder: Path, name: str, script: str, more: str) -> None:
    """Move a job folder into QM_qJobs."""
    made = folder / name
    made.mkdir()
    (made / "proc_config.cfg").write_text(
        f"[QMOptions]\nscript : {script}\ne_mail : anna@lab.org\n{more}\n", encoding="utf-8"
    )
    made.rename(folder / "QM" / "QM_qJobs" / name)


def wait_for_text(file: Path, text: str) -> None:
    """Wait until the file holds this text."""
    until = time.monotonic() + 20
    while text not in file.read_text(encoding="utf-8"):
        if time.monotonic() > until:
            raise SystemExit(f"QM did not start: {file.read_text(encoding='utf-8')}")
        time.sleep(0.05)


def on_a_terminal(command: list[str]) -> list[str]:
    """What the command writes on a terminal, in the pieces in which it came."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", COLUMNS=str(WIDTH), LINES="30")
        os.execv(command[0], command)
    pieces = [*read_to_the_end(terminal)]
    os.waitpid(pid, 0)
    return pieces


def read_to_the_end(terminal: int) -> Iterator[str]:
    """Pieces of text until the other side closes; Linux says EIO then."""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            return
        if not data:
            return
        yield data.decode("utf-8", "replace")


def plain(text: str) -> str:
    """The text without colours and cursor movements."""
    return CONTROL.sub("", text).replace("\r\n", "\n").replace("\r", "")


def bars(pieces: list[str]) -> str:
    """The pictures of a live bar one below the other, each that tells of other jobs once."""
    pictures: dict[str, str] = {}
    rest: list[str] = []
    for line in "".join(pieces).replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        picture = CONTROL.sub("", line).rstrip()
        if " done " in picture:
            counts = re.sub(r"━|╸|╺|, [^,]*$", "", picture)
            pictures.setdefault(counts, picture)
        elif picture:
            rest.append(picture)
    return "\n".join([*pictures.values(), *rest]) + "\n"


def write(name: str, text: str) -> None:
    """Replace one of the files beside this script."""
    lines = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    (HERE / name).write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
