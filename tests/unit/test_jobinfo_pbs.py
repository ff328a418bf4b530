"""#PBS options."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from qm.errors import InfoError
from qm.jobinfo.limits import Limits
from qm.jobinfo.pbs import pbs_begin
from qm.jobinfo.pbs_resources import pbs_bytes, pbs_seconds
from qm.jobinfo.read import read_info
from qm.model import JobInfo

LIMITS = Limits(max_processors=16, max_memory=64 << 30, gpus=4)
NOW = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)
G = 1 << 30


def read(*lines: str) -> JobInfo:
    text = "#!/bin/sh\n" + "".join(f"#PBS {line}\n" for line in lines)
    return read_info("job.sh", text.encode(), LIMITS, NOW)


@pytest.mark.parametrize(
    ("line", "processors", "memory", "gpus"),
    [
        ("-l nodes=1:ppn=4", 4, None, 0),
        ("-lnodes=1:ppn=4,mem=2gb", 4, 2 * G, 0),
        ("-l ncpus=4", 4, None, 0),
        ("-l select=1:ncpus=4:mem=2gb:ngpus=1", 4, 2 * G, 1),
        ("-l select=ncpus=4:mem=500mb", 4, 500 << 20, 0),
        ("-l procs=3", 3, None, 0),
        ("-l nodes=node17:ppn=2:gpus=1", 2, None, 1),
        ("-l ncpus=4,pmem=1gb", 4, 4 * G, 0),
    ],
)
def test_resources_are_read_in_both_dialects(
    line: str, processors: int, memory: int | None, gpus: int
) -> None:
    info = read(line)
    options = info.options
    assert (options.nb_proc, options.mem, options.nb_gpu) == (processors, memory, gpus)
    assert options.dialect == "pbs"
    assert info.warnings == ()


@pytest.mark.parametrize("line", ["-l nodes=2:ppn=4", "-l select=1:ncpus=2+2:ncpus=3"])
def test_several_nodes_add_up_and_are_warned_about(line: str) -> None:
    info = read(line)
    assert info.options.nb_proc == 8
    assert "one machine" in info.warnings[0]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1:30", 90), ("1:30:00", 5400), ("1:00:00:01", 86401)]
)
def test_times_are_read_as_pbs_reads_them(text: str, seconds: int) -> None:
    assert pbs_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("1024", 1024), ("2gb", 2 * G), ("2G", 2 * G), ("1kw", 8192), ("3b", 3), ("1TB", 1 << 40)],
)
def test_sizes_are_read_as_pbs_reads_them(text: str, size: int) -> None:
    assert pbs_bytes(text) == size


def test_other_counterparts() -> None:
    info = read(
        "-N fit -M me@example.org -o out.txt -e host:/tmp/err.txt -V",
        "-W depend=afterok:12:13,afterany:14 -h -p -5 -r y -d work -l walltime=1:00:00",
        "-v MODE=fast,TITLE=x,HOME",
    )
    options = info.options
    assert (options.info, options.e_mail) == ("fit", "me@example.org")
    assert (options.stdout, options.stderr, options.cwd) == ("out.txt", "/tmp/err.txt", "work")
    assert options.after == ("afterok:12", "afterok:13", "afterany:14")
    assert (options.hold, options.priority, options.rerunnable) == (True, -5, True)
    assert options.walltime == 3600


@pytest.mark.parametrize(("join", "name"), [("oe", "out"), ("eo", "err")])
def test_joined_output_and_errors_go_to_one_file(join: str, name: str) -> None:
    info = read(f"-o out -e err -j {join}")
    assert (info.options.stdout, info.options.stderr, info.warnings) == (name, name, ())
    assert read(f"-j {join}").options.stdout is None


def test_variables_are_taken_over_with_their_quotes() -> None:
    options = read("""-v "A=two words,B=it's",C=1""").options
    assert options.env == (("A", "two words"), ("B", "it's"), ("C", "1"))


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("2230", "22:30:00"),
        ("2230.15", "22:30:15"),
        ("203001312230", "2030-01-31T22:30:00"),
        ("3001312230.15", "2030-01-31T22:30:15"),
    ],
)
def test_dates_are_read_as_qsub_reads_them(text: str, begin: str) -> None:
    assert pbs_begin(text) == begin


@pytest.mark.parametrize("text", ["", "22:30", "8", "01312230", "tomorrow"])
def test_other_dates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hhmm"):
        pbs_begin(text)


def test_a_date_that_does_not_exist_is_refused_as_written() -> None:
    with pytest.raises(InfoError, match="-a 203002302230"):
        read("-a 203002302230")


def test_what_has_no_counterpart_is_told() -> None:
    info = read("-q long -m abe -W umask=022 -l place=free -S /bin/sh")
    text = "\n".join(info.warnings)
    for each in ("-q long", "-m abe", "-W umask=022", "-l place=free", "-S /bin/sh"):
        assert each in text


@pytest.mark.parametrize("line", ["-J 1-10", "-t 1-10"])
def test_an_array_is_told_to_run_once(line: str) -> None:
    assert "once" in read(line).warnings[0]


def test_a_folder_for_outputs_is_not_filled_in() -> None:
    info = read("-o logs/")
    assert info.options.stdout is None
    assert "process.log" in info.warnings[0]


@pytest.mark.parametrize(
    "line",
    [
        "-l walltime=soon",
        "-l nodes=1:ppn=x",
        "-l nodes=",
        "-l mem=lots",
        "-l ncpus=0",
        "-l pmem=lots",
        "-l select=1:mem=lots",
        "-l mem=100gb",
        "-r maybe",
        "-p high",
        "-W depend=on:2",
        "-W depend=12",
    ],
)
def test_a_value_that_cannot_be_read_is_refused_as_written(line: str) -> None:
    with pytest.raises(InfoError) as error:
        read(line)
    assert error.value.line == 2
    assert line in error.value.found


def test_a_missing_value_is_refused() -> None:
    with pytest.raises(InfoError, match="-l has no value"):
        read("-l")
