"""Submission: staged beside the queue, sealed, committed by one rename."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import QMError, Refused
from qm.folders.layout import Layout
from qm.jobdir import read_records
from qm.jobinfo.limits import Limits
from qm.model import Place
from qm.osops.scanning import scan_folder
from qm.submit import (
    Caller,
    Checked,
    Source,
    Submission,
    caller_environment,
    check,
    source_of,
    submit,
)

CALLER = Caller("anna", "somewhere", {"PATH": "p"})
FILES = ("proc_config.cfg", "infos.xml", "job.sh")
LIMITS = Limits(max_processors=4, names=FILES)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "QM"))
    made.create()
    return made


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "job"
    (folder / "data").mkdir(parents=True)
    (folder / "proc_config.cfg").write_text("[QMOptions]\nscript : python x.py\n", "utf-8")
    (folder / "x.py").write_text("print(1)\n", "utf-8")
    (folder / "data" / "in.txt").write_text("1 2 3\n", "utf-8")
    return folder


def put_in(
    layout: Layout, path: Path, *, move: bool = False, hold: bool = False, name: str | None = None
) -> Submission:
    source = source_of(str(path), FILES, name)
    return submit(layout, source, CALLER, move=move, hold=hold, sync=False)


def queued(layout: Layout) -> list[str]:
    return sorted(os.listdir(layout.place(Place.WAITING)))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".qm" not in path.relative_to(folder).parts
    }


def test_a_folder_is_copied_and_sealed(layout: Layout, job: Path) -> None:
    submission = put_in(layout, job)
    assert queued(layout) == ["job"] == [submission.name]
    target = Path(layout.path(Place.WAITING, "job"))
    assert contents(target) == contents(job)
    records = read_records(str(target), "job")
    assert records.submit is not None
    assert records.submit["identity"] == list(records.identity)
    assert records.submit["token"] == submission.token
    assert (records.submit["user"], records.submit["env"]) == ("anna", {"PATH": "p"})
    assert (records.submit["hold"], records.submit["cwd"]) == (False, "somewhere")


def test_what_qm_wrote_into_the_source_stays_there(layout: Layout, job: Path) -> None:
    (job / ".qm").mkdir()
    (job / ".qm" / "job.json").write_text("{}", "utf-8")
    (job / "process.log").write_text("old", "utf-8")
    put_in(layout, job)
    target = Path(layout.path(Place.WAITING, "job"))
    assert os.listdir(target / ".qm") == ["submit.json"]
    assert not (target / "process.log").exists()


def test_a_moved_folder_is_the_same_folder_with_its_old_records_set_aside(
    layout: Layout, job: Path
) -> None:
    inode = job.stat().st_ino
    (job / ".qm").mkdir()
    (job / "process.log").write_text("old", "utf-8")
    submission = put_in(layout, job, move=True)
    target = Path(layout.path(Place.WAITING, "job"))
    assert (target.stat().st_ino, job.exists(), submission.remark) == (inode, False, None)
    assert sorted(n for n in os.listdir(target) if "qm" in n or "log" in n) == [
        ".qm",
        ".qm.1",
        "process.log.1",
    ]


def test_a_name_that_is_taken_gets_a_number(layout: Layout, job: Path) -> None:
    assert [put_in(layout, job).name for _ in range(3)] == ["job", "job.2", "job.3"]


def test_hold_is_recorded(layout: Layout, job: Path) -> None:
    put_in(layout, job, hold=True)
    record = (Path(layout.path(Place.WAITING, "job")) / ".qm" / "submit.json").read_bytes()
    assert json.loads(record)["hold"] is True


def test_links_stay_links(layout: Layout, job: Path) -> None:
    try:
        (job / "link").symlink_to("x.py")
        (job / "dangling").symlink_to("nowhere")
    except OSError:
        pytest.skip("links are not allowed here")
    put_in(layout, job)
    target = Path(layout.path(Place.WAITING, "job"))
    assert os.readlink(target / "link") == "x.py"
    assert os.readlink(target / "dangling") == "nowhere"


def test_modes_and_times_are_kept(layout: Layout, job: Path) -> None:
    (job / "x.py").chmod(0o550)
    os.utime(job / "x.py", (1_000_000, 1_000_000))
    put_in(layout, job)
    before, after = (job / "x.py").stat(), Path(layout.path(Place.WAITING, "job"), "x.py").stat()
    assert (after.st_mode, after.st_mtime) == (before.st_mode, 1_000_000)


def test_a_folder_from_a_read_only_place_can_be_written_to(layout: Layout, job: Path) -> None:
    (job / "data").chmod(0o555)
    job.chmod(0o555)
    try:
        put_in(layout, job)
    finally:
        job.chmod(0o755)
        (job / "data").chmod(0o755)
    target = Path(layout.path(Place.WAITING, "job"))
    assert stat.S_IMODE(target.stat().st_mode) & stat.S_IRWXU == stat.S_IRWXU
    assert stat.S_IMODE((target / "data").stat().st_mode) & stat.S_IRWXU == stat.S_IRWXU


def test_a_pipe_is_refused_and_nothing_is_left_in_the_queue(layout: Layout, job: Path) -> None:
    mkfifo = getattr(os, "mkfifo", None)
    if mkfifo is None:
        pytest.skip("this system has no named pipes")
    mkfifo(job / "data" / "pipe")
    with pytest.raises(Refused, match="pipe"):
        put_in(layout, job)
    assert queued(layout) == []


def test_a_source_that_cannot_be_moved_whole_is_put_back(
    layout: Layout, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise QMError("no")

    monkeypatch.setattr("qm.submit.stage._commit", fail)
    before = contents(job)
    with pytest.raises(QMError):
        put_in(layout, job, move=True)
    assert (contents(job), queued(layout)) == (before, [])


def test_a_queue_that_is_not_there_is_told(tmp_path: Path, job: Path) -> None:
    with pytest.raises(QMError, match="QM_qJobs"):
        put_in(Layout(str(tmp_path / "nowhere")), job)


def test_qms_own_folders_are_no_job(layout: Layout, tmp_path: Path) -> None:
    for path in (Path(layout.root), tmp_path):
        with pytest.raises(Refused, match="own folders"):
            put_in(layout, path)
    running = Path(layout.path(Place.RUNNING, "a"))
    running.mkdir()
    with pytest.raises(Refused, match="a job already"):
        put_in(layout, running, move=True)


def test_an_ended_job_is_submitted_again_as_a_new_one(layout: Layout, job: Path) -> None:
    ended = Path(layout.path(Place.DONE, "job"))
    job.rename(ended)
    assert put_in(layout, ended).name == "job"
    assert ended.is_dir()


def test_with_sync_the_drop_is_the_same(layout: Layout, job: Path) -> None:
    source = source_of(str(job), FILES)
    name = submit(layout, source, CALLER, move=False, hold=False, sync=True).name
    assert contents(Path(layout.path(Place.WAITING, name))) == contents(job)


def test_a_script_gets_a_folder_of_its_own(layout: Layout, tmp_path: Path) -> None:
    script = tmp_path / "train.bash"
    script.write_text("#!/bin/bash\n#QM nb_proc : 2\n", "utf-8")
    submission = put_in(layout, script)
    target = Path(layout.path(Place.WAITING, "train"))
    assert submission.name == "train"
    assert contents(target) == {"job.sh": script.read_bytes()}
    assert json.loads((target / ".qm" / "submit.json").read_bytes())["script"] == "train.bash"


def test_a_script_of_a_known_name_keeps_it(tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("true\n", "utf-8")
    assert source_of(str(script), FILES) == Source(os.path.realpath(script), "job", "job.sh")


def test_a_moved_script_is_gone_afterwards(layout: Layout, tmp_path: Path) -> None:
    script = tmp_path / "a.sh"
    script.write_text("true\n", "utf-8")
    put_in(layout, script, move=True)
    assert not script.exists()


@pytest.mark.parametrize(
    ("name", "text", "files", "word"),
    [
        ("proc_config.cfg", "[QMOptions]", FILES, "the job is its folder"),
        ("a.sh", "true", ("proc_config.cfg",), "names no script"),
        ("train.py", "print(1)", FILES, "run by the shell"),
    ],
)
def test_a_file_that_cannot_be_a_job_is_refused_with_the_reason(
    tmp_path: Path, name: str, text: str, files: tuple[str, ...], word: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(Refused, match=word) as refused:
        source_of(str(tmp_path / name), files)
    assert refused.value.hint


def test_a_python_script_with_a_first_line_for_it_is_taken(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("#!/usr/bin/env python3\nprint(1)\n", "utf-8")
    assert source_of(str(tmp_path / "train.py"), FILES).stored_as == "job.sh"


@pytest.mark.parametrize("name", [".", "..", "a/b", "lost+found", "Thumbs.db"])
def test_a_name_that_qm_would_not_see_is_refused(job: Path, name: str) -> None:
    with pytest.raises(Refused):
        source_of(str(job), FILES, name)


def test_a_hidden_folder_is_submitted_under_a_name_that_qm_sees(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    assert source_of(str(tmp_path / ".hidden"), FILES).name == "hidden"


def test_a_path_where_nothing_is_is_told(tmp_path: Path) -> None:
    with pytest.raises(QMError, match="nothing"):
        source_of(str(tmp_path / "nothing"), FILES)


@pytest.mark.parametrize(
    "name",
    [
        "GITHUB_TOKEN",
        "db_password",
        "AWS_SECRET_ACCESS_KEY",
        "OPENAI_API_KEY",
        "MYSQL_PWD",
        "SSH_PRIVATE_KEY",
        "DBUS_SESSION_BUS_ADDRESS",
        "QM_JOB_TOKEN",
        "SHLVL",
        "PWD",
    ],
)
def test_secrets_and_noise_are_not_recorded(name: str) -> None:
    assert caller_environment({name: "x", "PATH": "p"}) == {"PATH": "p"}


@given(st.dictionaries(st.text(), st.text()))
def test_nothing_is_added_to_the_environment(environ: dict[str, str]) -> None:
    kept = caller_environment(environ)
    assert kept.items() <= environ.items()


def test_an_environment_that_no_record_can_hold_is_told(layout: Layout, job: Path) -> None:
    caller = Caller("anna", "here", {"BIG": "x" * (1 << 21)})
    with pytest.raises(QMError, match="environment"):
        submit(layout, source_of(str(job), FILES), caller, move=False, hold=False, sync=False)
    assert queued(layout) == []


def look_at(path: Path) -> Checked:
    return check(source_of(str(path), FILES), LIMITS)


def test_a_good_job_is_checked_as_ok_and_left_alone(job: Path) -> None:
    before = scan_folder(str(job), None, look_for_writers=False).fingerprint
    checked = look_at(job)
    assert checked.info is not None
    assert (checked.refusal, checked.command) == (None, "python x.py")
    assert scan_folder(str(job), None, look_for_writers=False).fingerprint == before


def test_more_processors_than_there_are_is_a_note(job: Path) -> None:
    (job / "proc_config.cfg").write_text(
        "[QMOptions]\nscript : python x.py\nnb_proc : 99\n", "utf-8"
    )
    checked = look_at(job)
    assert checked.info is not None and checked.info.options.nb_proc == 4
    assert any("lowered" in note for note in checked.notes)


def test_the_hold_file_is_a_note(job: Path) -> None:
    (job / ".qm-hold").touch()
    checked = look_at(job)
    assert checked.info is not None and any(".qm-hold" in note for note in checked.notes)


@pytest.mark.parametrize(
    ("change", "word", "says"),
    [
        ({"proc_config.cfg": "[QMOptions]\nnb_proc : four\n"}, "BadInfo", "line 2"),
        ({"x.py": None}, "NoScript", "x.py"),
        ({"proc_config.cfg": None}, "NoInfo", "proc_config.cfg"),
        ({"big.iso.part": "x"}, "Copying", "big.iso.part"),
        ({".qm-ready": "files = 7\n"}, "Incomplete", "7 files"),
    ],
)
def test_a_refusal_is_told_as_qm_would_tell_it(
    job: Path, change: dict[str, str | None], word: str, says: str
) -> None:
    for name, text in change.items():
        if text is None:
            (job / name).unlink()
        else:
            (job / name).write_text(text, "utf-8")
    checked = look_at(job)
    assert checked.info is None and checked.refusal is not None
    assert checked.refusal.word == word and says in checked.refusal.text


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    checked = look_at(tmp_path / "empty")
    assert checked.refusal is not None and checked.refusal.word == "Empty"


def test_a_script_is_checked_by_its_directives(tmp_path: Path) -> None:
    script = tmp_path / "a.sh"
    script.write_text("#!/bin/sh\n#QM nb_proc : none\n", "utf-8")
    checked = look_at(script)
    assert checked.refusal is not None
    assert checked.refusal.text.startswith("a.sh line 2: ")
    script.write_text("#!/bin/sh\n#QM nb_proc : 2\ntrue\n", "utf-8")
    checked = look_at(script)
    assert checked.info is not None and checked.info.options.nb_proc == 2
