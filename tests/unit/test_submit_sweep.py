"""Sweeps: one job for each row of a table, all checked before any is staged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qm.errors import FileError, QMError, Refused
from qm.folders.layout import Layout
from qm.jobinfo.limits import Limits
from qm.model import Place
from qm.submit.orders import Clerk, Order
from qm.submit.source import Filled, Made
from qm.submit.stage import Caller, submit
from qm.submit.sweep import Sweep
from qm.submit.table import read_table
from qm.submit.wishes import Wishes
from qm.submit.words import Means, Target

NOW = datetime(2026, 5, 1, tzinfo=UTC)
TABLE = "lr,name,n\n0.1,a b,1\n0.2,$(x),2\n"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    folder = tmp_path / "train"
    (folder / "conf").mkdir(parents=True)
    (folder / "proc_config.cfg").write_text(
        "; {lr}\n[QMOptions]\nscript : python train.py --lr {lr} --name '{name}'\n"
        "nb_proc : {n}\nenv : TITLE={name}\ninfo : run of {name}\n\n[Mine]\nlr = {lr}\nx = {y}\n",
        "utf-8",
    )
    (folder / "train.py").write_text('print(f"{lr}", {})\n', "utf-8")
    (folder / "input.in").write_text("rate {lr}\nlabel {name}\nkeep {other}\n", "utf-8")
    (folder / "conf" / "a.json").write_text('{"lr": {lr}, "name": "{name}"}', "utf-8")
    (folder / "conf" / "raw.in").write_bytes(b"\xff{lr}")
    return folder


def sweep(
    target: Path | str,
    table: str = TABLE,
    *,
    globs: Sequence[str] = (),
    name: str | None = None,
    wishes: Wishes | None = None,
    piped: bytes = b"",
) -> list[Order]:
    limits = Limits(max_processors=4)
    clerk = Clerk(limits, "/home/me", wishes or Wishes(), name, False, lambda: piped, NOW)
    means = Means.COMMAND if isinstance(target, str) else Means.PATH
    if target == "-":
        means = Means.PIPE
    read = read_table("t.csv", table.encode())
    return Sweep(clerk, Target(means, str(target)), read, globs).orders()


def files_of(order: Order) -> dict[str, str]:
    assert isinstance(order.work, Filled | Made)
    return {name: data.decode() for name, data in order.work.files.items()}


def script_of(order: Order) -> str:
    assert order.checked.info is not None
    return order.checked.info.options.script


def test_each_row_is_a_job_with_its_values_in_info_file_and_inputs(template: Path) -> None:
    first, second = sweep(template)
    assert [order.work.name for order in (first, second)] == ["train-1", "train-2"]
    assert script_of(first) == "python train.py --lr 0.1 --name 'a b'"
    assert script_of(second) == "python train.py --lr 0.2 --name '$(x)'"
    assert first.checked.info is not None and second.checked.info is not None
    options = second.checked.info.options
    assert (options.nb_proc, options.env, options.info) == (2, (("TITLE", "$(x)"),), "run of $(x)")
    files = files_of(first)
    assert sorted(files) == ["input.in", "proc_config.cfg"]
    assert files["input.in"] == "rate 0.1\nlabel a b\nkeep {other}\n"
    assert files["proc_config.cfg"].endswith("[Mine]\nlr = 0.1\nx = {y}\n")
    assert first.variables == {
        "QM_ROW": "1",
        "QM_SWEEP_LR": "0.1",
        "QM_SWEEP_NAME": "a b",
        "QM_SWEEP_N": "1",
    }


def test_more_files_are_filled_in_where_they_are_named(template: Path) -> None:
    for globs in (["*.json"], ["conf/*"], ["conf/a.json", "*.in"]):
        if globs == ["conf/*"]:
            (template / "conf" / "raw.in").unlink()
        order = sweep(template, globs=globs[:1])[0]
        assert files_of(order)["conf/a.json"] == '{"lr": 0.1, "name": "a b"}'


def test_a_glob_without_files_and_a_named_file_that_is_no_text_are_told(template: Path) -> None:
    with pytest.raises(Refused, match=r"no file in .* matches --fill \*.yaml"):
        sweep(template, globs=["*.yaml"])
    with pytest.raises(Refused, match=r"conf/raw\.in is not UTF-8"):
        sweep(template, globs=["raw.in"])


def test_a_staged_row_is_a_copy_with_the_filled_files(template: Path, tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "QM"))
    layout.create()
    (template / "input.in").chmod(0o444)
    order = sweep(template)[0]
    name = submit(layout, order.work, Caller("me", "/home/me", {}), sync=False).name
    folder = Path(layout.path(Place.WAITING, name))
    assert (folder / "input.in").read_text("utf-8").startswith("rate 0.1\n")
    assert (folder / "train.py").read_bytes() == (template / "train.py").read_bytes()
    assert (template / "input.in").read_text("utf-8").startswith("rate {lr}\n")


def test_names_are_made_of_a_pattern(template: Path) -> None:
    orders = sweep(template, name="run-{lr}-{name}")
    assert [order.work.name for order in orders] == ["run-0.1-a_b", "run-0.2-_x"]


def test_a_command_is_filled_in_with_words(tmp_path: Path) -> None:
    orders = sweep("python train.py --lr {lr} {name}")
    assert [script_of(order) for order in orders] == [
        "python train.py --lr 0.1 'a b'",
        "python train.py --lr 0.2 '$(x)'",
    ]
    assert [order.work.name for order in orders] == ["train-1", "train-2"]


def test_a_value_with_a_line_break_reaches_a_command_as_one_word() -> None:
    (order,) = sweep("echo {v}", 'v\n"a\nb"\n')
    files = files_of(order)
    assert "echo 'a\nb'\n" in files["command.sh"]


def test_a_script_and_a_piped_one_take_plain_words(tmp_path: Path) -> None:
    script = tmp_path / "fit.sh"
    script.write_text("#!/bin/sh\n#QM nb_proc : {n}\nawk '{print}' {lr}\n", "utf-8")
    order = sweep(script, "lr,n\n0.5,3\n")[0]
    assert files_of(order)["job.sh"] == "#!/bin/sh\n#QM nb_proc : 3\nawk '{print}' 0.5\n"
    assert order.checked.info is not None and order.checked.info.options.nb_proc == 3
    with pytest.raises(FileError, match=r't.csv line 2: row 1: job.sh: "lr" is "a b"'):
        sweep(script, "lr,n\na b,3\n")
    (order,) = sweep("-", "lr\n7\n", piped=b"echo {lr}\n")
    assert files_of(order)["job.sh"] == "echo 7\n"
    assert order.changes["cwd"] == "/home/me"


def test_options_have_fields_as_well() -> None:
    wishes = Wishes(
        {"nb_proc": "{n}", "after": "prep-{lr}", "begin": "+2h"}, [("TITLE", "{name}!")], {}
    )
    orders = sweep("make", wishes=wishes)
    for order, number in zip(orders, (1, 2), strict=True):
        assert order.checked.info is not None
        assert order.checked.info.options.nb_proc == number
        assert order.checked.info.options.begin == "2026-05-01T02:00:00.000Z"
    info = orders[1].checked.info
    assert info is not None
    assert (info.options.after, info.options.env) == (("afterok:prep-0.2",), (("TITLE", "$(x)!"),))


@pytest.mark.parametrize(
    ("change", "table", "message"),
    [
        ("nb_proc : {n}", "lr,name,n\n1,x,two\n", "line 2: row 1: proc_config.cfg line 4: nb_proc"),
        ("nb_proc : {n}", "lr,name,n\n1,x,1\n2,y,\n", 'line 3: row 2: .*no value for .*"n"'),
        ("nb_proc : {nn}", TABLE, "proc_config.cfg line 4: {nn} is no column"),
        ("info : {name}", 'lr,name,n\n1,"x\n[QMOptions]",1\n', "row 1: .*line break"),
    ],
)
def test_what_is_wrong_is_told_with_row_or_line(
    template: Path, change: str, table: str, message: str
) -> None:
    path = template / "proc_config.cfg"
    path.write_text(path.read_text("utf-8").replace("nb_proc : {n}", change), "utf-8")
    with pytest.raises(FileError, match=message):
        sweep(template, table)


@pytest.mark.parametrize(
    ("wishes", "name", "message"),
    [
        (Wishes({"nb_proc": "{lrr}"}), None, "t.csv: {lrr} is no column"),
        (Wishes(), "run-{lrr}", "t.csv: {lrr} is no column"),
        (Wishes({"nb_proc": "{name}"}, (), {"nb_proc": "-n"}), None, "line 2: row 1: -n: nb_proc"),
        (Wishes({}, [("A B", "x")]), None, "--env: expected NAME=value"),
    ],
)
def test_options_that_cannot_be_used_are_told(
    wishes: Wishes, name: str | None, message: str
) -> None:
    with pytest.raises(QMError, match=message):
        sweep("make", wishes=wishes, name=name)


def test_a_table_does_not_choose_keys(template: Path) -> None:
    path = template / "proc_config.cfg"
    path.write_text("[QMOptions]\nscript : true\n{name} : {name}\n", "utf-8")
    order = sweep(template, "name\nscript\n")[0]
    assert files_of(order)["proc_config.cfg"].endswith("{name} : script\n")


def test_a_missing_script_of_one_row_is_told(template: Path) -> None:
    path = template / "proc_config.cfg"
    path.write_text("[QMOptions]\nscript : python {v}.py\n", "utf-8")
    with pytest.raises(FileError, match=r"t.csv line 3: row 2: .*tran.py"):
        sweep(template, "v\ntrain\ntran\n")
