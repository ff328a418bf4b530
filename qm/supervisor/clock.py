"""How long a job has run: a clock that stands still while the job is suspended."""

from __future__ import annotations


class RunClock:
    """Times are seconds of one monotonic clock, whichever the caller reads."""

    def __init__(self, now: float) -> None:
        self._begun = now
        self._stood = 0.0
        self._stands_since: float | None = None

    @property
    def stands(self) -> bool:
        """True while the job is suspended."""
        return self._stands_since is not None

    def stop(self, now: float) -> None:
        """The job is suspended; nothing new if it is already."""
        if self._stands_since is None:
            self._stands_since = now

    def go_on(self, now: float) -> None:
        """The job is resumed; nothing new if it runs."""
        self._stood = self.stood(now)
        self._stands_since = None

    def stood(self, now: float) -> float:
        """Seconds that the job has been suspended in all."""
        since = self._stands_since
        return self._stood + (0.0 if since is None else now - since)

    def moment(self, ran: float) -> float | None:
        """When the job will have run for ``ran`` seconds; None while that cannot be said."""
        return None if self.stands else self._begun + self._stood + ran
