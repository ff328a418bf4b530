"""Choosing the info file of a folder, and telling what was perhaps meant to be one."""

from __future__ import annotations

import pytest

from qm.jobinfo.find import choose, missing

NAMES = ("proc_config.cfg", "infos.xml", "job.sh")


def test_the_first_name_in_the_list_wins() -> None:
    assert choose({"job.sh", "infos.xml", "data"}, NAMES) == "infos.xml"
    assert choose({"data"}, NAMES) is None


@pytest.mark.parametrize(
    ("paths", "hint"),
    [
        (["Proc_Config.CFG"], "There is Proc_Config.CFG: rename it to proc_config.cfg."),
        (["proc_config.cfg.txt"], "There is proc_config.cfg.txt: rename it to proc_config.cfg."),
        (["job/x.py", "job/job.sh"], "There is job/job.sh: drop the folder job itself."),
        (["a/b/job.sh"], "There is a/b/job.sh: drop the folder a/b itself."),
        (["data", "job/data"], ""),
        ([], ""),
    ],
)
def test_a_near_miss_of_a_name_is_told(paths: list[str], hint: str) -> None:
    message, told = missing(paths, NAMES)
    assert message == "there is no proc_config.cfg, infos.xml or job.sh in the folder"
    assert told == hint


def test_a_single_name_is_named_alone() -> None:
    assert missing([], ["a.cfg"])[0] == "there is no a.cfg in the folder"
