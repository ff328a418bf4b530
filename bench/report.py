"""What a benchmark found, as text for people and as JSON for programs. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.series import Series
from bench.tables import Table

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark: what it measures, its tables, and every sample behind them."""

    name: str
    definition: str
    tables: tuple[Table, ...]
    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    """Names of figures that had to pass a gate and did not."""

    def text(self) -> str:
        """Name, definition, tables and notes."""
        parts = [f"{self.name}\n{'=' * len(self.name)}", _wrapped(self.definition)]
        parts += [table.text() for table in self.tables]
        parts += [_wrapped(f"Note: {note}") for note in self.notes]
        return "\n\n".join(parts)

    def with_note(self, note: str) -> Section:
        """The same with one more note."""
        return replace(self, notes=(*self.notes, note))

    def as_json(self) -> dict[str, Any]:
        """The same with all samples."""
        return {
            "name": self.name,
            "definition": self.definition,
            "figures": [_figure(one) for one in self.series],
            "tables": [
                {"title": table.title, "heads": list(table.heads), "rows": list(table.rows)}
                for table in self.tables
            ],
            "notes": list(self.notes),
            "missed": list(self.missed),
        }


def _figure(series: Series) -> dict[str, Any]:
    return {
        "name": series.name,
        "unit": series.unit,
        "median": series.median,
        "low": series.low,
        "high": series.high,
        "samples": list(series.values),
    }


def _wrapped(text: str) -> str:
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(textwrap.fill(" ".join(p.split()), 96) for p in paragraphs)


def whole_report(
    machine: Mapping[str, Any], plan: Mapping[str, Any], sections: Sequence[Section]
) -> dict[str, Any]:
    """What ``--json`` writes."""
    return {
        "format": FORMAT,
        "machine": dict(machine),
        "plan": dict(plan),
        "benchmarks": [section.as_json() for section in sections],
    }


def machine_text(machine: Mapping[str, Any]) -> str:
    """The machine in lines of ``key: value``."""
    width = max(len(key) for key in machine)
    return "\n".join(f"{key.replace('_', ' '):<{width}}  {value}" for key, value in machine.items())
