"""The drop zone in a real browser: a folder is chosen or dropped, and becomes a job that runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.harness import wait_for
from tests.web.browser import Tab, a_tab
from tests.web.jobs import Shown, shown_queue
from tests.web.served import free_port, served, write_config
from tests.web.uploading import FILES, left_in_queue, zipped
from web.tokens import new_token

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FileChooser, Page

pytestmark = [pytest.mark.live, pytest.mark.slow]

MIB = 1 << 20
DROP = """([files, folders, name]) => {
  // A drop as the browser makes it, of a folder with these files; two entries at a time are read.
  const entry = (name, data) => ({ name, isDirectory: false, isFile: true,
    file: (take) => take(new File([data], name)) });
  const folder = (name, children) => ({ name, isDirectory: true, isFile: false,
    createReader: () => { let at = 0; return { readEntries: (take) => {
      take(children.slice(at, at + 2)); at += 2; } }; } });
  const build = (prefix) => {
    const here = new Map();
    for (const [path, data] of Object.entries(files)) {
      if (!path.startsWith(prefix)) continue;
      const [top, ...rest] = path.slice(prefix.length).split('/');
      here.set(top, rest.length ? folder(top, build(`${prefix}${top}/`)) : entry(top, data));
    }
    if (!prefix) folders.forEach((empty) => here.set(empty, folder(empty, [])));
    return [...here.values()];
  };
  const top = folder(name, build(''));
  const event = new Event('drop', { bubbles: true, cancelable: true });
  const items = [{ kind: 'file', webkitGetAsEntry: () => top }];
  event.dataTransfer = { types: ['Files'], items, files: [] };
  document.querySelector('#drop').dispatchEvent(event);
  // What the browser does once the handler has returned.
  items[0].webkitGetAsEntry = () => null;
  return event.defaultPrevented;
}"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with shown_queue(tmp_path_factory.mktemp("shown")) as opened:
        yield opened


@pytest.fixture
def tab(shown: Shown, browser: Browser) -> Iterator[Tab]:
    """The main page as an operator sees it; what the page complains of fails the test."""
    with a_tab(browser, shown.page, shown.visitor) as opened:
        opened.page.goto("/QM")
        yield opened


@pytest.fixture
def main(tab: Tab) -> Page:
    return tab.page


def folder_of(base: Path, name: str, files: dict[str, bytes]) -> Path:
    folder = base / name
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def send(main: Page) -> None:
    main.get_by_text("Ready to be sent.").wait_for()
    main.get_by_role("button", name="Send", exact=True).click()


def test_a_chosen_folder_is_shown_then_sent_and_runs(
    shown: Shown, main: Page, tmp_path: Path
) -> None:
    junk = {".DS_Store": b"x", "__MACOSX/._x": b"x", ".qm/job.json": b"{}", "process.log": b"old"}
    folder = folder_of(tmp_path, "chosen", {**FILES, **junk})
    main.locator("#upload-folder").set_input_files(str(folder))
    zone = main.locator("#drop")
    zone.get_by_text("3 files, 10 kB; proc_config.cfg found").wait_for()
    zone.get_by_text("sh run.sh").wait_for()
    assert "Left out:" in zone.inner_text() and ".DS_Store" in zone.inner_text()
    send(main)
    link = zone.get_by_role("link", name="chosen")
    link.wait_for()
    done = shown.queue.wait_done("chosen")
    assert (done / "out.txt").read_bytes() == FILES["data/in.txt"]
    job = shown.queue.record("chosen", "job.json")["id"]
    assert link.get_attribute("href") == f"/job/{job}"
    assert not (done / "__MACOSX").exists() and not (done / "process.log.1").exists()


def test_a_dropped_folder_is_read_to_its_end_though_its_entries_come_in_parts(
    shown: Shown, main: Page
) -> None:
    files = {path: data.decode() for path, data in FILES.items()}
    files |= {f"data/cafe\u0301 {number}.txt": "x" for number in range(20)} | {"._junk": "x"}
    assert main.evaluate(DROP, [files, ["results"], "dropped"]) is True
    main.locator("#drop").get_by_text("23 files").wait_for()
    send(main)
    main.locator("#drop").get_by_role("link", name="dropped").wait_for()
    done = shown.queue.wait_done("dropped")
    assert (done / "results").is_dir() and not (done / "._junk").exists()
    assert (
        len(list((done / "data").iterdir())) == 21 and (done / "data" / "caf\u00e9 7.txt").exists()
    )


def test_a_zip_becomes_a_job(shown: Shown, main: Page, tmp_path: Path) -> None:
    (tmp_path / "packed run.zip").write_bytes(zipped({f"a/{p}": d for p, d in FILES.items()}))
    main.locator("#upload-zip").set_input_files(str(tmp_path / "packed run.zip"))
    send(main)
    main.locator("#drop").get_by_role("link", name="packed run").wait_for()
    shown.queue.wait_done("packed run")


def test_what_qm_would_refuse_is_told_before_it_is_sent(
    shown: Shown, main: Page, tmp_path: Path
) -> None:
    bad = b"[QMOptions]\nscript : sh gone.sh\n"
    folder = folder_of(tmp_path, "refused", {"proc_config.cfg": bad, "CON.txt": b"x"})
    main.locator("#upload-folder").set_input_files(str(folder))
    wrong = main.locator("#drop [role=alert]:visible")
    wrong.wait_for()
    assert "gone.sh, which the job runs, is not here" in wrong.inner_text()
    assert '"CON.txt" is the name of a device on Windows' in wrong.inner_text()
    assert main.get_by_role("button", name="Send", exact=True).is_disabled()
    main.locator("#drop").get_by_role("button", name="Cancel").click()
    assert main.locator("#drop .upload").count() == 0
    assert not list((shown.queue.folder / "QM_qJobs").glob(".incoming-*"))


def test_the_keyboard_is_enough_and_the_name_can_be_another(
    shown: Shown, main: Page, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, "by keys.", FILES)
    chosen: list[FileChooser] = []

    def listen(chooser: FileChooser) -> None:
        chosen.append(chooser)

    # The browser hears of it in its own time that we listen: the keys must not come first.
    main.on("filechooser", listen)
    main.reload()
    main.get_by_role("button", name="Choose folder").focus()
    main.keyboard.press("Enter")
    wait_for("the browser asks for a folder", lambda: main.evaluate("true") and chosen)
    chosen[0].set_files(str(folder))
    name = main.get_by_label("Name of the job")
    main.get_by_text("ends with a dot").wait_for()
    name.focus()
    main.keyboard.press("End")
    main.keyboard.press("Backspace")
    main.keyboard.press("Enter")
    main.get_by_text("Ready to be sent.").wait_for()
    while main.evaluate("document.activeElement.textContent") != "Send":
        main.keyboard.press("Tab")
    main.keyboard.press("Enter")
    main.locator("#drop").get_by_role("link", name="by keys").wait_for()
    shown.queue.wait_done("by keys")


def test_a_cancelled_upload_leaves_nothing(shown: Shown, main: Page, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "cancelled", {**FILES, "big": bytes(8 * MIB)})
    main.route("**/files/big*", lambda route: None)
    main.locator("#upload-folder").set_input_files(str(folder))
    send(main)
    main.get_by_text("Sending").wait_for()
    wait_for("it is begun", lambda: left_in_queue(shown.queue.folder))
    main.locator("#drop").get_by_role("button", name="Cancel").click()
    wait_for("it is taken back", lambda: not left_in_queue(shown.queue.folder))
    main.locator("#drop .upload").wait_for(state="detached")
    assert shown.queue.where("cancelled") is None


def test_two_dropped_folders_are_sent_with_one_button(shown: Shown, main: Page) -> None:
    files = {path: data.decode() for path, data in FILES.items()}
    for name in ("first", "second"):
        main.evaluate(DROP, [files, [], name])
    main.locator("#drop").get_by_text("Ready to be sent.").nth(1).wait_for()
    main.get_by_role("button", name="Send all 2").click()
    for name in ("first", "second"):
        main.locator("#drop").get_by_role("link", name=name).wait_for()
        shown.queue.wait_done(name)


def test_what_cannot_be_read_any_more_is_told(shown: Shown, main: Page, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "vanishes", {**FILES, "gone.txt": b"x"})
    main.locator("#upload-folder").set_input_files(str(folder))
    main.get_by_text("Ready to be sent.").wait_for()
    (folder / "gone.txt").unlink()
    main.get_by_role("button", name="Send", exact=True).click()
    main.get_by_text("gone.txt cannot be read any more").wait_for()
    wait_for("nothing is left", lambda: not left_in_queue(shown.queue.folder))
    assert main.get_by_role("button", name="Try again").is_enabled()


def test_an_upload_goes_on_when_the_page_is_back(
    shown: Shown, browser: Browser, tmp_path: Path
) -> None:
    data = os.urandom(96 * MIB)
    folder = folder_of(tmp_path / "here", "goes on", {**FILES, "big": data})
    port, waiting = free_port(), shown.queue.folder / "QM_qJobs"
    config = write_config(tmp_path / "page.cfg", shown.queue.folder, port)
    new_token(config.with_name("web-token"))

    def begun() -> Path | None:
        found = [path for path in waiting.glob(".incoming-upload-*/job/big") if path.stat().st_size]
        return found[0] if found else None

    with (
        served(shown.queue.folder, config, port) as first,
        a_tab(browser, first, first.operator()) as tab,
    ):
        tab.page.goto("/QM")
        tab.page.locator("#upload-folder").set_input_files(str(folder))
        send(tab.page)
        big = wait_for("a piece is here", begun)
        first.process.kill()
        first.process.wait(10)
        assert big.stat().st_size < len(data)
        tab.page.get_by_text("The connection is lost").wait_for()
        with served(shown.queue.folder, config, port):
            link = tab.page.locator("#drop").get_by_role("link", name="goes on")
            link.wait_for(timeout=60_000)
        # What the browser itself says of a connection that was lost.
        tab.complaints.clear()
    done = shown.queue.wait_done("goes on")
    assert (done / "big").read_bytes() == data


def test_a_viewer_sees_why_nothing_can_be_dropped(shown: Shown, browser: Browser) -> None:
    with a_tab(browser, shown.page, shown.page.viewer()) as tab:
        tab.page.goto("/QM")
        zone = tab.page.locator("#drop")
        zone.get_by_text("You look as a viewer").wait_for()
        assert zone.locator("input[type=file]").count() == 0
        assert tab.page.evaluate(DROP, [{"a": "x"}, [], "x"]) is True
        assert zone.locator(".upload").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_drop_zone_is_for_everybody(
    shown: Shown, browser: Browser, tmp_path: Path, theme: str
) -> None:
    folder = folder_of(tmp_path, "seen", {**FILES, "CON": b"x", "a" * 200: b"x"})
    size = {"width": 390, "height": 800}
    with a_tab(browser, shown.page, shown.visitor, color_scheme=theme, viewport=size) as tab:
        tab.page.goto("/QM")
        tab.page.locator("#upload-folder").set_input_files(str(folder))
        tab.page.get_by_text("is the name of a device").wait_for()
        tab.page.get_by_text("All files").click()
        assert tab.axe() == []
        assert tab.overflow() <= 0
