"""The order of processors."""

from __future__ import annotations

import os

import pytest

from qm.osops.affinity import cores_first, machine_cpus, parse_cpu_list


def test_whole_cores_come_before_their_siblings() -> None:
    far = {cpu: frozenset({cpu % 4, cpu % 4 + 4}) for cpu in range(8)}
    assert cores_first(range(8), far) == [0, 1, 2, 3, 4, 5, 6, 7]
    near = {cpu: frozenset({cpu & ~1, cpu | 1}) for cpu in range(6)}
    assert cores_first(range(6), near) == [0, 2, 4, 1, 3, 5]


def test_a_core_whose_first_thread_is_not_ours_counts_by_its_other() -> None:
    near = {cpu: frozenset({cpu & ~1, cpu | 1}) for cpu in range(6)}
    assert cores_first([1, 2, 3], near) == [1, 2, 3]


def test_without_knowledge_of_cores_the_number_decides() -> None:
    assert cores_first([3, 1, 2], {}) == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "cpus"), [("0\n", {0}), ("0-2,8", {0, 1, 2, 8}), ("1,5-6\n", {1, 5, 6})]
)
def test_a_list_of_processors_is_read(text: str, cpus: set[int]) -> None:
    assert parse_cpu_list(text) == cpus


@pytest.mark.parametrize("text", ["", "a", "1-", "1-b"])
def test_what_is_no_list_of_processors_is_refused_or_read_as_far(text: str) -> None:
    if text == "1-":
        assert parse_cpu_list(text) == {1}
        return
    with pytest.raises(ValueError):
        parse_cpu_list(text)


def test_this_machine_has_processors_each_named_once() -> None:
    cpus = machine_cpus()
    assert cpus and len(set(cpus)) == len(cpus) <= (os.cpu_count() or 1)
