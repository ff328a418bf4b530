"""Pictures of the page for the README: `python -m bench.webshots` makes them anew.

A real manager serves a new QM_FOLDER with jobs of three people; Chromium looks at its page,
light and dark, wide and narrow, and what it shows is written to docs/. It needs playwright
and Debian's chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pngs import packed
from bench.samples import Sample, drop, manager, until
from bench.webserver import free_port, listens
from qm.folders.layout import Layout
from web.codes import issue_code
from web.tokens import existing_or_new

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOCS = Path(__file__).resolve().parents[1] / "docs"
WIDE = (1280, 1000)
NARROW = (390, 844)
FLAGS = ("--no-sandbox", "--disable-lcd-text", "--force-color-profile=srgb")
"""Letters with grey edges only, and colours as the style sheet has them: small files, alike
wherever they are made."""


def fitting(total: int, pause: float) -> str:
    """A script that tells how far it is, and warns in colour now and then."""
    figures = "$((i * 37 % 211 + 180)) $((i * 13 % 40 + 12)) $i"
    line = f"'well %03d: %d peaks, S/N %d; %d / {total}\\n' $i {figures}"
    warning = "'\\033[33mwarning: the baseline of well %03d is poor\\033[0m\\n' $i"
    now_and_then = f"[ $((i % 9)) -ne 4 ] || printf {warning}"
    return f"for i in $(seq 1 {total}); do printf {line}; {now_and_then}; sleep {pause}; done"


BUSY = (
    'python -c "b = bytearray(180 << 20);'
    " [(print(n, '/', 40, flush=True), [sum(range(4000000)) for _ in range(8)])"
    ' for n in range(1, 41)]"'
)
MAD = "mad@lab"
ENDED = (
    Sample("hsqc_batch_04", "echo 64 / 64", 2, MAD, info="HSQC series, plate 4"),
    Sample("tocsy_03", "sleep 2.3", 1, "lea@lab"),
    Sample("noesy_short", "echo KeyError: sw; exit 3", 1, "lea@lab", "400 ms mixing time"),
    Sample("dosy_29", "sleep 1.2", 1, "tom@lab", "diffusion, sample 29"),
    Sample("hsqc_batch_05", "sleep 3.1", 2, MAD, info="HSQC series, plate 5"),
    Sample("train_unet", "sleep 60", 1, "tom@lab", "3 epochs, small", "walltime : 2 s"),
    Sample("dosy_30", "sleep 0.4", 1, "tom@lab", "diffusion, sample 30"),
    Sample("peaks_all", "true", 0, "lea@lab"),
    Sample("hsqc_batch_06", "sleep 1.7", 2, MAD, info="HSQC series, plate 6"),
)
RUNNING = (
    Sample("hsqc_batch_07", fitting(320, 0.25), 4, MAD, info="HSQC series, plate 7"),
    Sample("noesy_long", BUSY, 2, "lea@lab", "", "walltime : 6h"),
    Sample("dosy_31", "echo reading; sleep 600", 1, "tom@lab", "", "walltime : 45m"),
)
WAITING = (
    Sample("tocsy_07", "true", 4, "lea@lab", "after the night's run", "walltime : 1h"),
    Sample("report", "true", 1, MAD, info="PDF of all plates", more="after : hsqc_batch_07"),
    Sample("hsqc_batch_08", "sleep 1", 4, MAD, info="HSQC series, plate 8", more="walltime : 1h"),
    Sample("train_unet_big", "true", 2, "tom@lab", "100 epochs", "hold : yes"),
)


def main() -> int:
    """Make the pictures; the exit code is 1 where the sample folder is taken."""
    from playwright.sync_api import sync_playwright

    base = Path(tempfile.gettempdir()) / "lab"
    if base.exists():
        print(f"{base} is there already; the sample QM_FOLDER is made in a folder of that name.")
        return 1
    try:
        with _served(base) as (port, layout), sync_playwright() as playwright:
            _fill(layout)
            program = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS])
            code = issue_code(existing_or_new(base / "token"), port, time.time())
            _draw(browser, f"http://127.0.0.1:{port}/login?code={code}", layout)
            browser.close()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return 0


@contextmanager
def _served(base: Path) -> Iterator[tuple[int, Layout]]:
    base.mkdir()
    root, port = base / "QM", free_port()
    config = base / "QMserv.cfg"
    lines = ["[QMServer]", f"QM_FOLDER = {root}", "MaxNbProcessors = 8", "Settle = 0.2"]
    lines += ["[WEB_QMserver]", f"The_Port = {port}", f"Token_file = {base / 'token'}"]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    layout = Layout(str(root))
    with manager(config, layout, RUNNING):
        until("the page", lambda: listens(port))
        yield port, layout


def _fill(layout: Layout) -> None:
    for sample in ENDED:
        drop(layout, sample)
        until(f"{sample.name} ends", partial(_has_ended, layout, sample.name))
    for sample in RUNNING:
        drop(layout, sample)
        until(f"{sample.name} runs", (Path(layout.root) / "QM_Jobs" / sample.name).is_dir)
    for sample in WAITING:
        drop(layout, sample)
    log = Path(layout.root) / "QM_Jobs" / RUNNING[0].name / "process.log"
    until("progress", lambda: b"110 / 320" in log.read_bytes())


def _draw(browser: Browser, login: str, layout: Layout) -> None:
    job = _id_of(layout, RUNNING[0].name)
    taken: dict[str, bytes] = {}
    page = browser.new_page()
    page.goto(login)
    for name, path in (("main", "/QM"), ("job", f"/job/{job}")):
        page.goto(login.partition("/login")[0] + path)
        # Until the use of processors, which is a difference, has been seen twice.
        page.wait_for_timeout(5500)
        for kind, (width, height) in (("wide", WIDE), ("narrow", NARROW)):
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                taken[f"web-{name}-{kind}-{scheme}.png"] = page.screenshot()
    page.close()
    # Only now, for it takes time, and the jobs go on.
    for file, picture in taken.items():
        (DOCS / file).write_bytes(packed(picture))


def _id_of(layout: Layout, name: str) -> int:
    from qm.view import find

    job = find(layout, name).id
    assert job is not None
    return job


def _has_ended(layout: Layout, name: str) -> bool:
    return any(
        (Path(layout.root) / place / name).is_dir() for place in ("QM_dJobs", "QM_lost+found")
    )


if __name__ == "__main__":
    sys.exit(main())
