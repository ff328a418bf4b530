"""What QM says of a fault: the sentences of ``docs/FAULTS.md``, read where people read them."""

from __future__ import annotations

from pathlib import Path

from tests.live.harness import Queue, wait_for

UNTIL_GO = "while [ ! -e go ]; do sleep 0.05; done"
_TABLE = Path(__file__).resolve().parents[2] / "docs" / "FAULTS.md"


def documented(words: str) -> str:
    """These words, which stand in the table of faults as they are said."""
    assert words in _TABLE.read_text(encoding="utf-8"), f"docs/FAULTS.md lacks: {words}"
    return words


def said_in_log(queue: Queue, words: str, timeout: float = 30.0) -> None:
    """Wait until the manager has said this in its log."""
    wait_for(f"its log says {words!r}", lambda: documented(words) in queue.log_text(), timeout)


def said_of(queue: Queue, name: str, words: str, timeout: float = 30.0) -> None:
    """Wait until this stands in the reason of a job."""
    wait_for(
        f"the reason of {name} says {words!r}",
        lambda: documented(words) in str((queue.row(name) or {}).get("reason")),
        timeout,
    )


def said_by(queue: Queue, words: str, *command: str, timeout: float = 30.0) -> None:
    """Wait until a command says this."""

    def says() -> bool:
        result = queue.run(*command)
        return documented(words) in result.stdout + result.stderr

    wait_for(f"qm {' '.join(command)} says {words!r}", says, timeout)


def one_runs_and_one_waits(queue: Queue) -> Path:
    """``runs`` until it is let go, and ``waits`` for its processors; the folder of the first."""
    queue.drop("runs", UNTIL_GO)
    folder = queue.wait_running("runs")
    queue.drop("waits", "true", nb_proc=2)
    wait_for("it waits", lambda: (queue.row("waits") or {}).get("state") == "QUEUED")
    return folder


def let_go(queue: Queue, name: str) -> None:
    """Let a job that waits for its file ``go`` come to its end."""
    (queue.path(name) / "go").touch()


def all_finished(queue: Queue, *names: str) -> None:
    """Each of them has run once, to its end, and is listed once; another job runs as well."""
    queue.drop("another", "true")
    for name in (*names, "another"):
        queue.wait_done(name, timeout=90)

    def listed() -> bool:
        rows = {name: [r for r in queue.listed() if r["name"] == name] for name in names}
        return all(len(found) == 1 and found[0]["state"] == "FINISHED" for found in rows.values())

    wait_for("each is listed once, as FINISHED", listed, 30)
    for name in names:
        earlier = [*queue.path(name).glob(".qm/attempt-*/start.json")]
        assert not earlier, f"{name} was started more than once"
