"""#SBATCH options."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from qm.errors import InfoError
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.jobinfo.slurm_values import slurm_seconds
from qm.model import JobInfo

LIMITS = Limits(max_processors=16, max_memory=64 << 30, gpus=4)
NOW = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)
G = 1 << 30


def read(*lines: str, limits: Limits = LIMITS) -> JobInfo:
    text = "#!/bin/sh\n" + "".join(f"#SBATCH {line}\n" for line in lines)
    return read_info("job.sh", text.encode(), limits, NOW)


def refusal(*lines: str) -> InfoError:
    with pytest.raises(InfoError) as error:
        read(*lines)
    return error.value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 300),
        ("5:30", 330),
        ("1:30:00", 5400),
        ("2-3", 2 * 86400 + 3 * 3600),
        ("2-3:04", 2 * 86400 + 3 * 3600 + 4 * 60),
        ("2-3:04:05", 2 * 86400 + 3 * 3600 + 4 * 60 + 5),
        ("90:00", 5400),
        ("0", None),
        ("UNLIMITED", None),
        ("infinite", None),
        ("-1", None),
    ],
)
def test_times_are_read_as_slurm_reads_them(text: str, seconds: int | None) -> None:
    assert slurm_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "abc", "1:2:3:4", "1-", "-5", "1.5", "5m", "1 2", "٣"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="minutes:seconds"):
        slurm_seconds(text)


@pytest.mark.parametrize(
    "line",
    [
        "--cpus-per-task=4 --mem=2G",
        "--cpus-per-task 4 --mem 2G",
        "-c4 --mem=2048",
        "-c 4 --mem=2048M   # a comment",
        '-c "4" --mem="2GB"',
        "-Hc4 --mem=2G --nice",
    ],
)
def test_options_are_written_in_every_way_that_getopt_knows(line: str) -> None:
    info = read(line)
    assert (info.options.nb_proc, info.options.mem) == (4, 2 * G)
    assert info.options.dialect == "slurm"
    assert info.warnings == ()


@pytest.mark.parametrize(
    ("line", "processors"),
    [
        ("-n 3", 3),
        ("-n 3 -c 2", 6),
        ("--ntasks-per-node=4", 4),
        ("-N 1 --ntasks-per-node=4 --cpus-per-task=2", 8),
        ("-N 1", 1),
    ],
)
def test_processors_are_tasks_times_processors_of_each(line: str, processors: int) -> None:
    info = read(line)
    assert (info.options.nb_proc, info.warnings) == (processors, ())


@pytest.mark.parametrize("line", ["-N 2 -n 4", "--nodes=2-4 --ntasks-per-node=2"])
def test_several_nodes_are_warned_about(line: str) -> None:
    info = read(line)
    assert info.options.nb_proc == 4
    assert len(info.warnings) == 1
    assert "one machine" in info.warnings[0]


def test_memory_for_each_processor_is_multiplied_by_those_the_job_gets() -> None:
    assert read("-n 4 --mem-per-cpu=2G").options.mem == 8 * G
    info = read("-n 100 --mem-per-cpu=2G", limits=replace(LIMITS, max_processors=8))
    assert (info.options.nb_proc, info.options.mem) == (8, 16 * G)


def test_all_the_memory_is_not_given() -> None:
    info = read("--mem=0", limits=replace(LIMITS, default_mem=G))
    assert info.options.mem == G
    assert "--mem=0" in info.warnings[0]


@pytest.mark.parametrize(
    ("line", "gpus"),
    [
        ("--gres=gpu:2", 2),
        ("--gres=gpu", 1),
        ("--gres=gpu:a100:2,shard:1", 2),
        ("--gpus=2", 2),
        ("-G a100:1,v100:1", 2),
        ("--gpus-per-node=3", 3),
        ("-n 2 --gpus-per-task=2", 4),
    ],
)
def test_gpus_are_counted(line: str, gpus: int) -> None:
    assert read(line).options.nb_gpu == gpus


def test_other_counterparts() -> None:
    info = read(
        "--job-name=fit --comment='of the day' --mail-user=me@example.org --time=1-0",
        "--output=out.txt -e err.txt --dependency=afterok:12:13,afterany:prep",
        "--chdir=work --requeue --priority=7 --hold --begin=2030-01-31T08:00:00Z",
    )
    options = info.options
    assert options.info == "fit: of the day"
    assert options.e_mail == "me@example.org"
    assert options.walltime == 86400
    assert (options.stdout, options.stderr, options.cwd) == ("out.txt", "err.txt", "work")
    assert options.after == ("afterok:12", "afterok:13", "afterany:prep")
    assert (options.rerunnable, options.priority, options.hold) == (True, 7, True)
    assert options.begin == "2030-01-31T08:00:00.000Z"
    assert info.warnings == ()


@pytest.mark.parametrize(
    ("line", "priority"), [("--nice", -100), ("--nice=5", -5), ("--nice=-5", 5)]
)
def test_nice_is_a_negative_priority(line: str, priority: int) -> None:
    assert read(line).options.priority == priority


def test_no_limit_means_the_default_of_qm() -> None:
    limits = replace(LIMITS, default_walltime=60.0)
    assert read("--time=UNLIMITED", limits=limits).options.walltime == 60.0
    assert read("--time=UNLIMITED").options.walltime is None


def test_no_requeue_is_no() -> None:
    assert read("--no-requeue").options.rerunnable is False


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("now", "2030-01-31T12:00:00.000Z"),
        ("now+90", "2030-01-31T12:01:30.000Z"),
        ("now+2hours", "2030-01-31T14:00:00.000Z"),
        ("now+1week", "2030-02-07T12:00:00.000Z"),
    ],
)
def test_begin_counts_from_now(text: str, begin: str) -> None:
    assert read(f"--begin={text}").options.begin == begin


def test_errors_go_where_the_output_goes_unless_they_have_a_file() -> None:
    both = read("-o all.txt").options
    assert (both.stdout, both.stderr) == ("all.txt", "all.txt")
    assert read("-e err.txt").options.stdout is None


def test_patterns_in_names_of_outputs_are_not_filled_in() -> None:
    info = read("-o slurm-%j.out")
    assert info.options.stdout is None
    assert "process.log" in info.warnings[0]


def test_what_has_no_counterpart_is_told_in_one_warning() -> None:
    info = read("--partition gpu --qos=high", "-A lab --exclusive --export=ALL", "--foo -c 2")
    assert info.options.nb_proc == 2
    assert len(info.warnings) == 1
    for each in ("--partition=gpu (line 2)", "--qos=high", "-A lab (line 3)", "--foo (line 4)"):
        assert each in info.warnings[0]
    assert "export" not in info.warnings[0]


def test_an_array_is_told_to_run_once() -> None:
    assert "once" in read("--array=1-10").warnings[0]


def test_a_word_that_is_no_option_is_told() -> None:
    assert '"hetjob" is not an option' in read("hetjob").warnings[0]


def test_the_last_of_several_counts_as_in_slurm() -> None:
    info = read("-n 2", "--ntasks=3")
    assert info.options.nb_proc == 3
    assert info.warnings == ("job.sh line 3: --ntasks=3 replaces -n 2 of line 2",)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("--time=abc", "--time=abc"),
        ("-n 0", "-n 0"),
        ("-c four", "-c four"),
        ("-N 0", "-N 0"),
        ("--mem=lots", "--mem=lots"),
        ("--gres=gpu:a100:x", "--gres=gpu:a100:x"),
        ("-G many", "-G many"),
        ("--nice=high", "--nice=high"),
        ("--priority=TOP", "--priority=TOP"),
        ("--begin=someday", "--begin=someday"),
        ("--dependency=singleton", "--dependency=singleton"),
        ("-d after:12", "-d after:12"),
        ("-d afterok:1?afterok:2", "-d afterok:1?afterok:2"),
        ("-D ../other", "-D ../other"),
        ("--mem=100G", "--mem=100G"),
        ("--gpus=9", "--gpus=9"),
        ("--time", "--time has no value"),
        ("--comment='open", "quote"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_as_written(line: str, shown: str) -> None:
    error = refusal(line)
    assert error.line == 2
    assert shown in error.found


def test_many_letters_in_one_word_take_no_time() -> None:
    assert read("-" + "H" * 60_000).options.hold
