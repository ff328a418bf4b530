"""What changes and how it is told: hub, pace, places, streams, looking. Without a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.folders.layout import Layout
from qm.index import Index, Row
from qm.index.pulse import Pulse
from tests.live.harness import wait_for
from web.api.events import LONGEST, Stream, told, topics_of
from web.hub import ALL, Event, Hub
from web.pace import PROGRESS, PROGRESS_STEP, SOON, STEP, Pace
from web.problem import Problem
from web.roles import Caller, Role
from web.running_logs import RunningLogs
from web.server import THREADS
from web.slots import Slot, Slots, event_slots
from web.watching import Look, Watching

QUEUE = frozenset({"queue"})


def topics_heard(hub: Hub, last: str, topics: frozenset[str] = ALL) -> list[str]:
    return [topic for event in hub.wait(last, topics, 0).events for topic in sorted(event.topics)]


def test_whoever_comes_for_the_first_time_is_told_to_look_at_everything() -> None:
    hub = Hub()
    heard = hub.wait(None, ALL, 0)
    assert heard.reset and not heard.events
    assert not hub.wait(heard.last, ALL, 0).reset


def test_events_come_in_order_and_each_once() -> None:
    hub = Hub()
    last = hub.now()
    for number in range(5):
        hub.publish([f"job:{number}"])
    assert topics_heard(hub, last) == [f"job:{number}" for number in range(5)]
    assert topics_heard(hub, hub.now()) == []


def test_only_what_was_asked_for_is_told() -> None:
    hub = Hub()
    last = hub.now()
    hub.publish(["queue", "job:1", "job:2"], {"1": {"log": 5}, "2": {"log": 6}})
    (event,) = hub.wait(last, frozenset({"job:1"}), 0).events
    assert event.topics == {"job:1"} and event.jobs == {"1": {"log": 5}}
    (event,) = hub.wait(last, frozenset({"queue", "progress"}), 0).events
    assert event.topics == {"queue"} and set(event.jobs) == {"1", "2"}
    assert hub.wait(last, frozenset({"manager"}), 0).events == ()


def test_who_was_away_for_too_long_is_told_to_look_at_everything() -> None:
    hub = Hub(ring=3)
    last = hub.now()
    for _ in range(3):
        hub.publish(QUEUE)
    assert len(hub.wait(last, ALL, 0).events) == 3
    hub.publish(QUEUE)
    heard = hub.wait(last, ALL, 0)
    assert heard.reset and heard.last == hub.now()


@given(st.text(max_size=30))
def test_an_id_that_is_none_does_no_harm(last: str) -> None:
    hub = Hub()
    hub.publish(QUEUE)
    assert hub.wait(last, ALL, 0).reset


def test_the_ids_of_another_process_are_not_mistaken_for_ours() -> None:
    before, after = Hub(), Hub()
    before.publish(QUEUE)
    after.publish(QUEUE)
    assert after.wait(before.now(), ALL, 0).reset
    epoch = after.now().partition("-")[0]
    assert after.wait(f"{epoch}-999", ALL, 0).reset


def test_a_waiting_listener_is_woken_at_once() -> None:
    hub = Hub()
    last, heard = hub.now(), []
    began = threading.Event()

    def listen() -> None:
        began.set()
        heard.append(hub.wait(last, ALL, 3600))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    began.wait(30)
    hub.publish(QUEUE)
    # Whoever is not woken wakes up after an hour.
    thread.join(30)
    assert heard and heard[0].events


def test_the_first_listener_wakes_whoever_looks_and_the_topics_are_counted() -> None:
    hub, woken = Hub(), []
    hub.when_first_listens(lambda: woken.append(1))
    hub.listen(QUEUE)
    hub.listen(frozenset({"queue", "job:1"}))
    assert woken == [1] and hub.wanted() == {"queue", "job:1"}
    hub.leave(frozenset({"queue", "job:1"}))
    assert hub.wanted() == {"queue"} and hub.listeners == 1
    hub.leave(QUEUE)
    hub.listen(ALL)
    assert woken == [1, 1] and hub.wanted() == {""}


def test_what_changes_all_the_time_is_told_at_once_soon_again_and_then_in_steps() -> None:
    pace = Pace()
    pace.add({"job:1"}, {"1": {"log": 1}})
    assert pace.due(10.0) == (frozenset({"job:1"}), {"1": {"log": 1}})
    pace.add({"job:1"}, {"1": {"log": 2}})
    assert pace.due(10.0 + SOON / 2) == (frozenset(), {})
    pace.add({"job:1"}, {"1": {"log": 3}})
    assert pace.due(10.0 + SOON) == (frozenset({"job:1"}), {"1": {"log": 3}})
    pace.add({"job:1"}, {"1": {"log": 4}})
    assert pace.due(10.0 + STEP) == (frozenset(), {})
    assert pace.due(10.0 + 2 * STEP) == (frozenset({"job:1"}), {"1": {"log": 4}})
    assert pace.due(99.0) == (frozenset(), {})


def test_a_change_after_a_quiet_time_and_the_next_one_are_both_told_within_moments() -> None:
    """The end of a job, and the start of the one that waited for its processors."""
    pace = Pace()
    for second in range(9):
        pace.add({"queue"})
        assert pace.due(second) == (frozenset({"queue"}), {})
        pace.add({"queue"})
        assert pace.due(second + 2 * SOON) == (frozenset({"queue"}), {})


def test_the_progress_of_all_is_told_less_often_than_that_of_one() -> None:
    pace = Pace()
    pace.add({PROGRESS, "job:1"}, {"1": {"log": 1}, "2": {"log": 9}})
    topics, jobs = pace.due(0.0)
    assert topics == {PROGRESS, "job:1"} and set(jobs) == {"1", "2"}
    pace.add({PROGRESS, "job:1"}, {"1": {"log": 2}, "2": {"log": 10}})
    assert pace.due(STEP) == (frozenset({"job:1"}), {"1": {"log": 2}})
    topics, jobs = pace.due(PROGRESS_STEP)
    assert topics == {PROGRESS} and jobs == {"1": {"log": 2}, "2": {"log": 10}}


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(["queue", "job:1", "progress"])), st.floats(0, 2)),
        max_size=30,
    )
)
def test_nothing_that_was_added_is_lost_and_no_topic_comes_too_often(
    steps: list[tuple[set[str], float]],
) -> None:
    pace, now = Pace(), 0.0
    owed: set[str] = set()
    told_at: dict[str, list[float]] = {}
    for topics, pause in [*steps, (set(), 2.0)]:
        pace.add(topics)
        owed |= topics
        now += pause
        due, _ = pace.due(now)
        for topic in due:
            before, last = told_at.get(topic, [-9.0, -9.0])[-2:]
            assert now - last >= (PROGRESS_STEP if topic == PROGRESS else SOON)
            assert topic == PROGRESS or now - before >= 2 * STEP
            told_at[topic] = [last, now]
        owed -= due
    assert not owed


def caller(address: str, session: str | None = None) -> Caller:
    key = f"address {address}" if session is None else f"session {session}"
    return Caller(Role.VIEWER, key, address, session=session)


def test_nobody_takes_all_places() -> None:
    slots = Slots(6, per_session=2, per_address=3)
    kept = [slots.take(caller("10.0.0.1")) for _ in range(3)]
    with pytest.raises(Problem) as refused:
        slots.take(caller("10.0.0.1"))
    assert refused.value.status == 503 and "Retry-After" in refused.value.headers
    kept += [slots.take(caller("10.0.0.1", "a")) for _ in range(2)]
    with pytest.raises(Problem):
        slots.take(caller("10.0.0.9", "a"))
    kept.append(slots.take(caller("10.0.0.2")))
    with pytest.raises(Problem):
        slots.take(caller("10.0.0.3"))
    kept[0].free()
    kept[0].free()
    assert slots.taken == 5
    slots.take(caller("10.0.0.3"))


def test_those_who_listen_leave_threads_to_all_other_requests() -> None:
    assert THREADS - event_slots().total >= 16


def new_slot() -> tuple[Slots, Slot]:
    slots = Slots(1, per_session=1, per_address=1)
    return slots, slots.take(caller("127.0.0.1"))


def test_a_stream_that_nobody_ever_read_frees_its_place() -> None:
    hub = Hub()
    slots, slot = new_slot()
    hub.listen(QUEUE)
    stream = Stream(hub, QUEUE, None, slot, lambda: False)
    stream.close()
    stream.close()
    assert slots.taken == 0 and hub.listeners == 0 and hub.wanted() == frozenset()


def chunks(stream: Stream) -> Iterator[str]:
    return (chunk.decode() for chunk in stream)


def test_a_stream_begins_with_the_pause_for_coming_again_and_a_reset() -> None:
    hub = Hub()
    _, slot = new_slot()
    stream = chunks(Stream(hub, QUEUE, None, slot, lambda: False))
    assert next(stream) == "retry: 2000\n\n"
    assert next(stream) == f"id: {hub.now()}\nevent: reset\ndata: {{}}\n\n"
    hub.publish(["queue"])
    hub.publish(["queue", "job:1"])
    data = '{"topics":["queue"],"jobs":{}}'
    assert next(stream) == f"id: {hub.now()}\nevent: change\ndata: {data}\n\n"


def test_a_stream_goes_on_behind_the_event_that_was_seen_last() -> None:
    hub = Hub()
    last = hub.now()
    hub.publish(["queue"])
    _, slot = new_slot()
    stream = chunks(Stream(hub, QUEUE, last, slot, lambda: False))
    next(stream)
    assert "event: change" in next(stream)


def test_a_stream_ends_after_a_quarter_of_an_hour_or_with_its_reader() -> None:
    hub, now = Hub(), [0.0]
    last = hub.now()
    _, slot = new_slot()
    stream = Stream(hub, QUEUE, last, slot, lambda: False, clock=lambda: now[0])
    assert next(stream)
    now[0] = LONGEST
    assert list(stream) == []
    _, slot = new_slot()
    assert len(list(Stream(hub, QUEUE, last, slot, lambda: True))) == 1


def test_a_quiet_stream_says_that_it_is_there_and_keeps_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("web.api.events._LOOK_EVERY", 0.01)
    monkeypatch.setattr("web.api.events._BEAT_EVERY", 0.02)
    hub = Hub()
    last = hub.now()
    hub.publish(["job:5"])
    _, slot = new_slot()
    stream = chunks(Stream(hub, QUEUE, last, slot, lambda: False))
    next(stream)
    assert next(stream) == f": still here\nid: {hub.now()}\n\n"


def test_several_events_become_one_with_the_last_figures() -> None:
    events = [Event(1, frozenset({"a"}), {"1": {"log": 1}}), Event(2, QUEUE, {"1": {"log": 2}})]
    assert told(events) == {"topics": ["a", "queue"], "jobs": {"1": {"log": 2}}}


@pytest.mark.parametrize("text", ["", "all", "job:", "job:x", "queue,", "job:1;queue", "Queue"])
def test_what_is_no_topic_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        topics_of(text)
    assert refused.value.status == 422


def row(job_id: int, state: str, **values: Any) -> Row:
    known: dict[str, Any] = dict.fromkeys(Row._fields)
    known |= {"id": job_id, "name": f"job{job_id}", "state": state, "nb_proc": 1, "priority": 0}
    known |= {"owner": "me", "submitted": "2030-01-01T00:00:00.000Z", "arrival": job_id}
    known |= {"attempt": 1, "inode": 0, "nb_gpu": 0, "token": f"t{job_id}", "place": "QM_qJobs"}
    return Row(**(known | values))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "QM"))
    made.create()
    return made


@pytest.fixture
def index(layout: Layout) -> Index:
    made = Index(layout.index_file)
    made.open()
    return made


def running(layout: Layout, job_id: int) -> tuple[Row, Path]:
    """A row of a running job, and its log."""
    folder = Path(layout.root) / "QM_Jobs" / f"job{job_id}"
    folder.mkdir()
    log = folder / "process.log"
    log.write_text("1 / 4\n", encoding="utf-8")
    started = "2030-01-01T00:00:00.000Z"
    inode = folder.stat().st_ino
    return row(job_id, "RUNNING", place="QM_Jobs", inode=inode, started=started), log


class Watched:
    """Looks, once each second of its own clock, and remembers what was published."""

    def __init__(self, layout: Layout, *topics: str) -> None:
        self.hub = Hub()
        self.hub.listen(frozenset(topics))
        self.look = Look(layout, self.hub)
        self.now = 0.0
        self.last = self.hub.now()

    def __call__(self) -> tuple[set[str], dict[str, Any]]:
        self.now += 1.0
        self.look.once(self.now, 1_893_456_060.0)
        heard = self.hub.wait(self.last, ALL, 0)
        self.last = heard.last
        found = told(heard.events)
        return set(found["topics"]), dict(found["jobs"])


def test_a_change_of_the_index_is_seen_and_nothing_else_is(layout: Layout, index: Index) -> None:
    watched = Watched(layout, "queue")
    watched()
    assert watched() == (set(), {})
    index.put(row(1, "QUEUED"))
    index.flush()
    assert watched() == ({"queue"}, {})
    assert watched() == (set(), {})


def test_a_job_that_somebody_looks_at_is_told_when_its_row_changes(
    layout: Layout, index: Index
) -> None:
    for job in (1, 2):
        index.put(row(job, "QUEUED"))
    index.flush()
    watched = Watched(layout, "job:1")
    watched()
    index.put(row(2, "HELD"))
    index.flush()
    assert "job:1" not in watched()[0]
    index.put(row(1, "HELD"))
    index.flush()
    assert "job:1" in watched()[0]
    index.remove(1)
    index.flush()
    assert "job:1" in watched()[0]


def test_the_growth_of_a_log_is_told_with_its_figures(layout: Layout, index: Index) -> None:
    found, log = running(layout, 7)
    index.put(found)
    index.flush()
    watched = Watched(layout, "job:7")
    _, jobs = watched()
    assert jobs["7"] == {"log": 6, "fraction": 0.25, "text": "1 / 4", "left": 180.0}
    assert watched() == (set(), {})
    with log.open("a", encoding="utf-8") as file:
        file.write("2 / 4\n")
    topics, jobs = watched()
    assert topics == {"job:7"} and jobs["7"]["fraction"] == 0.5


def test_logs_are_not_looked_at_for_those_who_only_want_the_queue(
    layout: Layout, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = running(layout, 7)
    index.put(found)
    index.flush()
    looked: list[int] = []
    monkeypatch.setattr(RunningLogs, "look", lambda self, entry, *times: looked.append(entry.id))
    watched = Watched(layout, "queue")
    watched()
    watched()
    assert looked == []
    watched = Watched(layout, "queue", "progress")
    watched()
    assert looked == [7]


def test_a_link_in_the_place_of_a_log_is_not_followed(layout: Layout, index: Index) -> None:
    found, log = running(layout, 7)
    log.unlink()
    log.symlink_to("/etc/passwd")
    index.put(found)
    index.flush()
    assert "7" not in Watched(layout, "job:7")()[1]


def test_a_manager_that_comes_or_goes_is_told(
    layout: Layout, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [False]
    monkeypatch.setattr("web.watching.manager_runs", lambda layout: runs[0])
    watched = Watched(layout, "manager")
    watched()
    runs[0] = True
    assert watched()[0] == {"manager", "queue"}
    assert watched()[0] == set()


def test_without_a_manager_the_folders_tell(layout: Layout) -> None:
    watched = Watched(layout, "queue")
    watched()
    (Path(layout.root) / "QM_qJobs" / "new").mkdir()
    assert watched()[0] == {"queue"}


def test_an_index_that_is_made_anew_is_looked_at_again(layout: Layout, index: Index) -> None:
    pulse = Pulse(layout.index_file)
    assert pulse.has_changed() and not pulse.has_changed()
    index.make_anew()
    index.flush()
    assert any(pulse.has_changed() for _ in range(20))
    assert not pulse.has_changed()
    pulse.close()


def test_there_is_no_thread_while_nobody_listens(layout: Layout, index: Index) -> None:
    def looking() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "qm-watch"]

    hub = Hub()
    Watching(layout, hub)
    assert not looking()
    hub.listen(QUEUE)
    assert len(looking()) == 1
    last = hub.now()
    index.put(row(1, "QUEUED"))
    index.flush()
    wait_for("the change is told", lambda: hub.wait(last, QUEUE, 0).events)
    hub.leave(QUEUE)
    wait_for("the thread ends", lambda: not looking())
    hub.listen(QUEUE)
    assert len(looking()) == 1
    hub.leave(QUEUE)
    wait_for("the thread ends again", lambda: not looking())
