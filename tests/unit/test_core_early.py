"""A request that comes while QM starts is about jobs that it does not know yet."""

from __future__ import annotations

import pytest

from qm.core import actions as act
from qm.core import events as ev
from tests.fakes.bench import Bench, only


def test_a_kill_that_comes_before_its_job_is_found_waits_until_it_is() -> None:
    bench = Bench(starting=True)
    assert bench.tell(ev.Asked("r1", "kill", ("a",), "anna")) == []
    job = bench.queue("a")
    close = only(bench.tell(ev.Found()), act.Close)
    assert close.job.id == job.id
    (answer,) = bench.tell(ev.Moved(job.id, close.job.state, "a"))
    assert isinstance(answer, act.Answer) and (answer.request, answer.ok) == ("r1", True)


@pytest.mark.parametrize("verb", ["kill", "hold", "release", "rerun", "suspend", "set"])
def test_what_is_not_there_is_looked_for_among_the_ended_ones_after_the_start(verb: str) -> None:
    bench = Bench(starting=True)
    assert bench.tell(ev.Asked("r1", verb, ("gone",), "anna")) == []
    answers = [
        a for a in bench.tell(ev.Found()) if isinstance(a, act.AnswerEnded | act.FindToRerun)
    ]
    assert [answer.request for answer in answers] == ["r1"]
    assert not [a for a in bench.tell(ev.Found()) if isinstance(a, act.AnswerEnded)]


def test_a_job_that_is_known_while_qm_starts_is_not_waited_for() -> None:
    bench = Bench(starting=True)
    bench.queue("a")
    close = only(bench.tell(ev.Asked("r1", "kill", ("a",), "anna")), act.Close)
    assert close.job.name == "a"
