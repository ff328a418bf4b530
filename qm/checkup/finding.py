"""One thing that ``qm doctor`` looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """Its grade, what was found, and what to do."""

    grade: str
    text: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """The object of ``qm doctor --json``."""
        return asdict(self)
