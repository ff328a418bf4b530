"""What holds for any file: no crash, bounded time, and one meaning in every format."""

from __future__ import annotations

import time
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qm.errors import InfoError
from qm.jobinfo.command import script_files, with_interpreter
from qm.jobinfo.keys import KEYS
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.jobinfo.text import READ_AT_MOST
from qm.model import JobInfo, JobOptions
from qm.osops.shell import in_job_folder
from qm.times import utc_text

LIMITS = Limits(max_processors=64, max_memory=1 << 60, gpus=16)
NAMES = ("proc_config.cfg", "infos.xml", "job.sh")
SECONDS = 5.0
"""Far above what any file takes, far below what a quadratic reader would take."""

relaxed = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

words = st.sampled_from(
    [
        "[QMOptions]", "[", "]", "\n", "\r", "\t", " ", ":", "=", "\n#QM ",
        "\n#SBATCH ", "\n#PBS ", "#!", "#", "-v", "-a", "pmem=", "walltime=", "--nice", "now+1hour",
        "/bin/sh", "<PARAMETER>", "</PARAMETER>", "<script ", "value=", "/>", '"', "'", "&amp;",
        "<!DOCTYPE x>", "-l", "-W", "depend=afterok:", "--time", "--mem=", "--gres=gpu:", "select=",
        "nodes=1:ppn=", "+", "-", ",", "%j", "é", "\x00", "\x0b", "\ud800", "4", "4G", "1:30", "~",
        "../", "http://", *KEYS,
    ]
)  # fmt: skip
starts = st.sampled_from(["", "[QMOptions]\nscript : x\n", "<PARAMETER>", "#!/bin/sh\n"])
salads = st.tuples(starts, st.lists(words, max_size=40).map("".join)).map(
    lambda parts: "".join(parts).encode("utf-8", "surrogatepass")
)


def attempt(name: str, data: bytes) -> JobInfo | None:
    try:
        return read_info(name, data, LIMITS)
    except InfoError as error:
        refusal = error
    assert refusal.file == name
    assert refusal.line is None or refusal.line >= 1
    assert refusal.message.isprintable()
    return None


@relaxed
@given(st.sampled_from(NAMES), st.binary(max_size=2000))
def test_no_bytes_crash_a_reader(name: str, data: bytes) -> None:
    attempt(name, data)


@relaxed
@given(st.sampled_from(NAMES), salads)
@example("job.sh", b"#PBS -W depend=")
@example("job.sh", b"#SBATCH -")
@example("job.sh", b"#SBATCH # nothing")
def test_no_salad_of_words_crashes_a_reader(name: str, data: bytes) -> None:
    info = attempt(name, data)
    if info is not None:
        assert info.options.script.strip()
        assert 1 <= info.options.nb_proc <= LIMITS.max_processors


@relaxed
@given(st.sampled_from([*(key for key in KEYS if key != "script")]), st.text(max_size=80))
def test_no_value_crashes_the_validator(key: str, value: str) -> None:
    text = f"[QMOptions]\nscript : x\n{key} : {value}\n"
    attempt("proc_config.cfg", text.encode("utf-8", "surrogatepass"))


@relaxed
@given(st.text(max_size=200), st.binary(max_size=50))
def test_no_command_crashes_the_look_at_it(command: str, first_bytes: bytes) -> None:
    assert len(script_files(command)) <= 1
    changed, note = with_interpreter(command, first_bytes, False)
    assert (changed == command) == (note is None)


FLOODS = {
    "keys": (b"[QMOptions]\n", b"nbproc%d : 1\n"),
    "one key": (b"[QMOptions]\n", b"a:1\n"),
    "sections": (b"", b"[QMOption%d]\n"),
    "elements": (b"<PARAMETER>", b"<nbproc%d/>"),
    "depth": (b"<PARAMETER>", b"<a>"),
    "attributes": (b"<PARAMETER", b" a%d='1'"),
    "entities": (b"<PARAMETER><script>", b"&amp;"),
    "directives": (b"", b"#QM a%d : 1\n"),
    "options": (b"#SBATCH ", b"--a%d "),
    "letters": (b"#SBATCH -", b"H"),
    "resources": (b"#PBS -l ", b"a%d=1,"),
    "chunks": (b"#PBS -l select=", b"1:mem=1+"),
    "late": (b"echo\n", b"#SBATCH -n 1\n"),
    "commas": (b"[QMOptions]\nscript : x\nenv : ", b"A%d=1, "),
    "quotes": (b"[QMOptions]\nscript : x\nenv : ", b"A='\" "),
    "jobs": (b"[QMOptions]\nscript : x\nafter : ", b"a%d,"),
    "blanks": (b"[QMOptions]\nscript : x\ninfo : a", b" "),
    "dots": (b"[QMOptions]\nscript : x\ncwd : a", b"/../a"),
    "digits": (b"[QMOptions]\nscript : x\nwalltime : ", b"1h "),
    "addresses": (b"[QMOptions]\nscript : x\ne_mail : ", b"a@b,"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("flood", FLOODS)
def test_the_largest_file_of_any_kind_takes_a_bounded_time(name: str, flood: str) -> None:
    start, part = FLOODS[flood]
    parts = [part % n if b"%d" in part else part for n in range(READ_AT_MOST // len(part))]
    data = (start + b"".join(parts))[:READ_AT_MOST]
    begin = time.perf_counter()
    attempt(name, data)
    assert time.perf_counter() - begin < SECONDS


# Text that stays itself: no blanks outside, nothing that XML or a line cannot carry.
plain = st.text(
    st.characters(
        exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="\ufffe\uffff"
    ),
    min_size=1,
    max_size=20,
).filter(lambda text: text == text.strip())
sentences = st.lists(plain, min_size=1, max_size=4).map(" ".join)
simple = st.from_regex(r"[a-z][a-z0-9_.-]{0,12}", fullmatch=True)
names = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True).filter(
    lambda name: name != "NB_PROC" and not name.startswith("QM_")
)
inside = simple.filter(lambda path: path.casefold() not in {"process.log", ".qm"})
options = st.builds(
    JobOptions,
    script=sentences,
    nb_proc=st.integers(1, LIMITS.max_processors),
    mem=st.none() | st.integers(1, 1 << 50),
    nb_gpu=st.integers(0, LIMITS.gpus),
    walltime=st.none() | st.integers(1, 10**8).map(float),
    priority=st.integers(-(10**9), 10**9),
    size=st.none() | sentences,
    e_mail=st.none() | simple.map(lambda name: f"{name}@example.org"),
    info=st.none() | sentences,
    after=st.lists(
        st.builds(
            "{}:{}".format, st.sampled_from(["afterok", "afterany", "afternotok"]), simple
        ),
        max_size=4,
        unique=True,
    ).map(tuple),
    hold=st.booleans(),
    begin=st.none() | st.integers(0, 1 << 33).map(lambda millis: utc_text(millis / 1000)),
    retries=st.integers(0, 100),
    rerunnable=st.booleans(),
    env=st.dictionaries(names, sentences, max_size=3).map(lambda each: tuple(each.items())),
    cwd=st.none() | simple,
    stdout=st.none() | inside,
    stderr=st.none() | inside,
    notify_url=st.none() | simple.map(lambda name: f"https://{name}.example.org/x"),
    system=st.none() | simple,
    settle=st.none() | st.integers(0, 10**6).map(float),
)  # fmt: skip


def written(job: JobOptions) -> dict[str, str]:
    """The settings that say ``job``, as texts."""
    texts = {}
    for key in KEYS:
        value = getattr(job, key)
        if value is None or value == ():
            continue
        texts[key] = str(value)
        if isinstance(value, bool):
            texts[key] = "yes" if value else "no"
    if job.after:
        texts["after"] = ", ".join(job.after)
    if job.env:
        texts["env"] = " ".join(
            f"{name}='" + "'\"'\"'".join(value.split("'")) + "'" for name, value in job.env
        )
    return texts


def as_cfg(texts: dict[str, str]) -> bytes:
    return "".join(
        ["[QMOptions]\n", *(f"{key} : {text}\n" for key, text in texts.items())]
    ).encode()


def as_xml(texts: dict[str, str]) -> bytes:
    lines = [f"<{key} value={quoteattr(text)}/>\n" for key, text in texts.items()]
    return "".join(["<PARAMETER>\n", *lines, "</PARAMETER>\n"]).encode()


@relaxed
@given(options)
def test_options_written_as_cfg_or_xml_are_read_back_alike(job: JobOptions) -> None:
    texts = written(job)
    assert read_info("proc_config.cfg", as_cfg(texts), LIMITS).options == job
    assert read_info("infos.xml", as_xml(texts), LIMITS).options == job


@relaxed
@given(options)
def test_options_written_as_directives_are_read_back_alike(job: JobOptions) -> None:
    texts = {key: text for key, text in written(job).items() if key != "script"}
    lines = "".join(f"#QM {key} : {text}\n" for key, text in texts.items())
    info = read_info("job.sh", f"#!/bin/sh\n{lines}".encode(), LIMITS)
    # From another folder it is not ./job.sh.
    script = in_job_folder("job.sh") if job.cwd else "./job.sh"
    expected = read_info("proc_config.cfg", as_cfg(texts | {"script": f"/bin/sh {script}"}), LIMITS)
    assert info.options == expected.options
