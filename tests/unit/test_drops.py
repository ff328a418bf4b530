"""When a drop is complete: the rule, with a clock of the test's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.drops import LONGEST_SETTLE, Ready, Refuse, Rules, Settling, Verdict, Wait, judge
from qm.errors import InfoError
from qm.identity import Identity
from qm.inspection import Inspection, Kind, Usable
from qm.model import JobInfo, JobOptions
from tests.fakes.jobs import FS_NOW, SECOND, USABLE, a_look, a_scan

RULES = Rules(settle=2.0, refuse_after=30.0, empty_after=600.0)


@dataclass
class Drop:
    """One drop under a fake clock; the file system's clock follows unless it is told to jump."""

    rules: Rules = RULES
    now: float = 100.0
    jump: float = 0.0
    changed: float | None = None
    """When its newest change was, by the file system's clock in seconds; None: long ago."""
    state: Settling = field(default_factory=lambda: Settling.begin(100.0))
    version: int = 0
    content: int = 0

    def wait(self, seconds: float) -> Drop:
        self.now += seconds
        return self

    def change(self, *, content: bool = True) -> Drop:
        self.version += 1
        self.content += content
        self.changed = self.now + self.jump
        return self

    def look(self, found: object = USABLE, **scan: Any) -> Verdict:
        changed = -86_400.0 if self.changed is None else self.changed
        values = {
            "fs_now": FS_NOW + int((self.now + self.jump) * SECOND),
            "newest_change": FS_NOW + int(changed * SECOND),
            "fingerprint": self.version,
            "content_fingerprint": self.content,
            **scan,
        }
        return self.judge(a_look(scan=a_scan(**values), found=found))

    def judge(self, seen: Inspection) -> Verdict:
        return judge(self.state, seen, self.now, self.rules)


def word(verdict: Verdict) -> str:
    return "Ready" if isinstance(verdict, Ready) else verdict.reason.word


def test_a_folder_that_was_moved_in_is_complete_at_first_sight() -> None:
    verdict = Drop(version=41).look()
    assert isinstance(verdict, Ready)
    assert verdict.fingerprint == 41 and verdict.info.file == "proc_config.cfg"


def test_a_fresh_copy_waits_exactly_until_its_newest_change_is_the_settle_time_ago() -> None:
    drop = Drop().change().wait(0.5)
    verdict = drop.look()
    assert isinstance(verdict, Wait) and verdict.reason.word == "Settling"
    assert verdict.after == pytest.approx(1.5)
    assert "last change 0.5 s ago, 1 file; complete after 2.0 s of quiet" in verdict.reason.text
    assert isinstance(drop.wait(1.5).look(), Ready)


def test_times_in_the_future_do_not_count_and_the_fingerprint_decides() -> None:
    drop = Drop().change()
    drop.changed = 70 * 365 * 86_400.0
    assert word(drop.look()) == "Settling"
    assert word(drop.wait(1.9).look()) == "Settling"
    assert word(drop.wait(0.2).look()) == "Ready"


def test_where_ctimes_are_not_trusted_a_moved_in_folder_waits_as_well() -> None:
    drop = Drop(rules=Rules(trust_ctime=False))
    assert word(drop.look()) == "Settling"
    assert word(drop.wait(2.1).look()) == "Ready"


def test_a_change_between_two_looks_starts_the_quiet_anew() -> None:
    drop = Drop().change().wait(1.0)
    drop.look()
    drop.change().wait(1.9)
    assert word(drop.look()) == "Settling"
    assert word(drop.wait(2.1).look()) == "Ready"


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_jumps_in_the_middle_of_a_copy_does_not_make_it_complete(jump: float) -> None:
    drop = Drop().change().wait(0.5)
    assert word(drop.look()) == "Settling"
    drop.jump = jump
    assert word(drop.wait(0.5).look()) == "Settling"


def test_a_machine_that_slept_in_the_middle_of_a_copy_takes_no_half_of_it() -> None:
    """The monotonic clock stands still in the sleep, the file system's goes on."""
    drop = Drop().change().wait(0.1)
    drop.look()
    drop.change().wait(0.1)
    drop.jump = 8 * 3600.0
    assert word(drop.look()) == "Settling"
    assert word(drop.wait(2.1).look()) == "Ready"


def test_pauses_of_a_copy_make_the_settle_time_three_times_as_long() -> None:
    drop = Drop().change()
    drop.look()
    drop.wait(1.5).look()
    drop.change().look()
    verdict = drop.wait(2.5).look()
    assert isinstance(verdict, Wait) and "complete after 4.5 s" in verdict.reason.text
    assert word(drop.wait(2.1).look()) == "Ready"


def test_the_settle_time_never_grows_beyond_its_longest() -> None:
    drop = Drop().change()
    drop.look()
    drop.state.longest_gap = 50.0
    drop.wait(1000.0).change().look()
    assert word(drop.wait(LONGEST_SETTLE - 0.1).look()) == "Settling"
    assert word(drop.wait(0.2).look()) == "Ready"


def test_how_long_a_folder_lay_elsewhere_is_no_pause_of_its_copy() -> None:
    drop = Drop()
    assert word(drop.look(None)) == "NoInfo"
    drop.wait(1.0).look(None)
    drop.change().look()
    assert word(drop.wait(3.1).look()) == "Ready"


def test_the_info_file_may_ask_for_a_longer_settle_time_only() -> None:
    longer = Usable(JobInfo("a.cfg", JobOptions(script="true", settle=9.0)), ())
    shorter = Usable(JobInfo("a.cfg", JobOptions(script="true", settle=0.1)), ())
    drop = Drop().change().wait(3.0)
    assert word(drop.look(longer)) == "Settling"
    assert word(drop.wait(6.1).look(longer)) == "Ready"
    assert word(Drop().change().wait(1.0).look(shorter)) == "Settling"


def test_a_folder_of_which_only_ctimes_move_is_complete_after_a_minute() -> None:
    """An indexer, a virus scanner, a backup program."""
    drop = Drop().change()
    drop.look()
    for _ in range(59):
        drop.wait(1.0).change(content=False)
        assert word(drop.look()) == "Settling"
    drop.wait(2.0).change(content=False)
    assert word(drop.look()) == "Ready"


def test_a_drop_renamed_from_a_dot_name_needs_no_quiet() -> None:
    drop = Drop().change()
    drop.state.committed = True
    assert word(drop.look()) == "Ready"


def test_the_mark_qm_hold_keeps_even_a_committed_drop_waiting() -> None:
    drop = Drop()
    drop.state.committed = True
    verdict = drop.look(hold=True)
    assert isinstance(verdict, Wait) and verdict.reason.word == "Hold" and verdict.after <= 1.0
    assert word(drop.wait(86_400).look(hold=True)) == "Hold"
    assert word(drop.look()) == "Ready"


@pytest.mark.parametrize(
    "ready",
    [b"files=1\nbytes=30\n", b"files = 1\n", b"bytes: 30\r\nfiles: 1\r\n", b"# note\n files=1"],
)
def test_a_ready_file_whose_counts_match_completes_the_drop_at_once(ready: bytes) -> None:
    assert word(Drop().change().look(ready=ready)) == "Ready"


@pytest.mark.parametrize(
    ("ready", "why"),
    [
        (b"files=2\n", ".qm-ready says 2 files, 1 are here"),
        (b"files=1\nbytes=31\n", ".qm-ready says 31 bytes, 30 are here"),
        (b"", "no line `files=N`"),
        (b"bytes=30\n", "no line `files=N`"),
        (b"\xff\xfe\x00", "no line `files=N`"),
    ],
)
def test_a_ready_file_that_does_not_match_keeps_even_a_quiet_drop_waiting(
    ready: bytes, why: str
) -> None:
    drop = Drop()
    verdict = drop.look(ready=ready)
    assert isinstance(verdict, Wait)
    assert verdict.reason.word == "Incomplete" and why in verdict.reason.text
    assert word(drop.wait(3600).look(ready=ready)) == "Incomplete"
    refusal = drop.wait(1).look(ready=ready)
    assert isinstance(refusal, Refuse) and ".qm-ready" in refusal.hint


def test_a_file_that_somebody_writes_holds_up_every_drop() -> None:
    for ready in (None, b"files=1\n"):
        drop = Drop()
        verdict = drop.wait(7200).look(writer="data/big\n.bin", ready=ready)
        assert isinstance(verdict, Wait) and verdict.reason.word == "Copying"
        assert verdict.reason.text == "data/big\\n.bin is still being written"


def test_the_name_of_an_unfinished_download_holds_a_drop_up_for_ten_minutes() -> None:
    drop = Drop()
    assert word(drop.look(partial="x.crdownload")) == "Copying"
    assert word(drop.wait(599).look(partial="x.crdownload")) == "Copying"
    verdict = drop.wait(2).look(partial="x.crdownload")
    assert isinstance(verdict, Refuse) and verdict.reason.word == "Interrupted"
    assert "x.crdownload was left by a copy that did not end" in verdict.reason.text


def test_a_name_that_only_may_be_of_rsync_holds_a_drop_up_for_a_minute() -> None:
    drop = Drop()
    assert word(drop.look(maybe_partial=".vimrc.backup")) == "Copying"
    assert word(drop.wait(59).look(maybe_partial=".vimrc.backup")) == "Copying"
    assert word(drop.wait(2).look(maybe_partial=".vimrc.backup")) == "Ready"


def test_patience_with_a_partial_name_begins_anew_once_it_was_gone() -> None:
    drop = Drop()
    drop.look(partial="x.part")
    drop.wait(500).look()
    assert word(drop.wait(200).look(partial="x.part")) == "Copying"


@pytest.mark.parametrize("name", ["x.part", ".vimrc.backup"])
def test_a_name_like_a_partial_one_does_not_hold_up_what_is_said_to_be_complete(name: str) -> None:
    """``qm submit`` of a folder with a `.vimrc.backup` starts at once."""
    for kind in ("partial", "maybe_partial"):
        how: dict[str, Any] = {kind: name}
        assert word(Drop().look(ready=b"files=1\n", **how)) == "Ready"
        drop = Drop()
        drop.state.committed = True
        assert word(drop.look(**how)) == "Ready"


def test_a_missing_info_file_has_its_grace_from_first_sight_however_old_the_folder_is() -> None:
    drop = Drop()
    for seconds, left in ((0.0, 30), (20.0, 10)):
        verdict = drop.wait(seconds).look(None)
        assert isinstance(verdict, Wait) and verdict.reason.word == "NoInfo"
        assert f"refused in {left} s unless it changes" in verdict.reason.text
    verdict = drop.wait(10.0).look(None)
    assert isinstance(verdict, Refuse) and verdict.reason.word == "NoInfo"


def test_a_refusal_names_the_near_miss_that_the_look_found() -> None:
    drop = Drop()
    seen = a_look(found=None, none_found=("no info file, but Proc_Config.CFG", "Rename it."))
    drop.judge(seen)
    verdict = drop.wait(31).judge(seen)
    assert isinstance(verdict, Refuse)
    assert (verdict.reason.text, verdict.hint) == (seen.none_found[0], "Rename it.")


def test_what_changes_during_the_grace_gets_it_anew() -> None:
    drop = Drop()
    drop.look(None)
    drop.wait(29).change().look(None)
    assert isinstance(drop.wait(29).look(None), Wait)


def test_a_bad_info_file_and_a_missing_script_are_refused_with_their_own_words() -> None:
    bad = InfoError("proc_config.cfg", 3, "nb_proc = four", "a whole number", "Write 4.")
    lacking = Usable(JobInfo("proc_config.cfg", JobOptions(script="python x.py")), ("x.py",))
    for found, reason, text, hint in (
        (bad, "BadInfo", "proc_config.cfg line 3: nb_proc = four; expected", "Write 4."),
        (lacking, "NoScript", "x.py, which the job runs, is not here", "correct `script`"),
    ):
        drop = Drop()
        assert isinstance(drop.look(found), Wait)
        verdict = drop.wait(31).look(found)
        assert isinstance(verdict, Refuse) and verdict.reason.word == reason
        assert verdict.reason.text.startswith(text) and hint in verdict.hint


def test_an_empty_folder_has_ten_minutes() -> None:
    drop = Drop()
    empty: dict[str, Any] = {"entries": 0, "files": 0, "size": 0, "names": ()}
    assert word(drop.look(None, **empty)) == "Empty"
    assert isinstance(drop.wait(599).look(None, **empty), Wait)
    verdict = drop.wait(2).look(None, **empty)
    assert isinstance(verdict, Refuse) and verdict.reason.word == "Empty"


def test_a_folder_inside_that_cannot_be_read_is_waited_for_and_then_refused() -> None:
    drop = Drop()
    assert word(drop.look(unreadable="data: Permission denied")) == "Unreadable"
    verdict = drop.wait(31).look(unreadable="data: Permission denied")
    assert isinstance(verdict, Refuse) and "data: Permission denied" in verdict.reason.text


@pytest.mark.parametrize(
    ("kind", "text"),
    [(Kind.LINK, "link"), (Kind.FILE, "a job is a folder"), (Kind.SPECIAL, "neither")],
)
def test_what_is_no_folder_is_left_alone_and_told(kind: Kind, text: str) -> None:
    verdict = Drop().wait(86_400).judge(Inspection("x", kind, Identity(1, 2)))
    assert isinstance(verdict, Wait) and verdict.reason.word == "NotAFolder"
    assert text in verdict.reason.text


def test_a_folder_that_cannot_be_looked_at_waits_and_says_why() -> None:
    seen = Inspection("x", Kind.FOLDER, Identity(1, 2), problem="Permission denied")
    verdict = Drop().judge(seen)
    assert isinstance(verdict, Wait) and verdict.reason.word == "Stuck"
    assert "Permission denied" in verdict.reason.text


def test_a_look_that_took_long_is_not_repeated_soon() -> None:
    verdict = Drop().change().look(seconds=3.0)
    assert isinstance(verdict, Wait) and verdict.after == pytest.approx(60.0)


LOOKS = st.fixed_dictionaries(
    {},
    optional={
        "writer": st.sampled_from(["w"]),
        "partial": st.sampled_from(["x.part"]),
        "maybe_partial": st.sampled_from([".a.bcdefg"]),
        "ready": st.sampled_from([b"files=1", b"files=2", b"x"]),
        "hold": st.booleans(),
        "unreadable": st.sampled_from(["d"]),
        "entries": st.integers(0, 2),
        "newest_change": st.integers(0, 2 * FS_NOW),
    },
)


@given(st.lists(st.tuples(st.floats(0, 700), st.booleans(), LOOKS), max_size=12))
def test_whatever_is_seen_the_verdict_is_a_later_look_a_reason_or_a_usable_job(
    looks: list[tuple[float, bool, dict[str, Any]]],
) -> None:
    drop = Drop()
    for seconds, changes, scan in looks:
        drop.wait(seconds)
        if changes:
            drop.change()
        verdict = drop.look(**scan)
        if isinstance(verdict, Wait):
            assert verdict.after > 0 and verdict.reason.text
        elif isinstance(verdict, Ready):
            assert not scan.get("hold") and "writer" not in scan and verdict.info.options.script
        else:
            assert verdict.reason.text
