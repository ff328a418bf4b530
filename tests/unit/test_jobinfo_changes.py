"""Changes of single keys, read as an info file's are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from qm.errors import InfoError
from qm.jobinfo.changes import apply_changes
from qm.jobinfo.limits import Limits
from qm.model import JobOptions

LIMITS = Limits(max_processors=4, max_memory=8 << 30, gpus=1)
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLAIN = JobOptions(script="true", nb_proc=2, info="as it was")


def changed(**changes: str) -> JobOptions:
    return apply_changes(PLAIN, changes, LIMITS, NOW)[0]


def test_a_change_is_read_as_the_info_file_is() -> None:
    options = changed(priority="5", walltime="2h", mem="2G", after="prep", retry_on="75 137")
    assert (options.priority, options.walltime, options.mem) == (5, 7200.0, 2 << 30)
    assert options.after == ("afterok:prep",)
    assert options.retry_on == (75, 137)
    assert (options.nb_proc, options.info) == (2, "as it was")


def test_a_key_may_be_written_as_in_an_info_file() -> None:
    assert apply_changes(PLAIN, {"NB-Proc": "3"}, LIMITS, NOW)[0].nb_proc == 3


def test_more_processors_than_there_are_are_lowered_with_a_warning() -> None:
    options, warnings = apply_changes(PLAIN, {"nb_proc": "9"}, LIMITS, NOW)
    assert options.nb_proc == 4
    assert warnings == ("nb_proc 9 lowered to 4, what this QM may use",)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nb_proc": "four"}, "a whole number of at least 1"),
        ({"mem": "1T"}, "at most 8 GiB"),
        ({"signal": "KILL@5"}, "a signal and how many seconds"),
        ({"retry_on": "0"}, "exit codes from 1 to 255"),
        ({"info": "two\nlines"}, "one line of text"),
        ({"prio": "1"}, "Did you mean priority?"),
        ({"begin": "soon"}, "2030-01-31T08:00"),
    ],
)
def test_what_cannot_be_used_is_told_with_what_was_expected(
    changes: dict[str, str], says: str
) -> None:
    with pytest.raises(InfoError) as error:
        apply_changes(PLAIN, changes, LIMITS, NOW)
    assert says in str(error.value)


def test_a_signal_is_read_as_slurm_reads_it() -> None:
    assert changed(signal="SIGUSR1@120").signal == ("USR1", 120.0)
    assert changed(signal="10").signal == ("USR1", 60.0)
    assert changed(signal="").signal is None
