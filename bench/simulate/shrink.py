"""A history that breaks a promise, made shorter: by leaving steps out as long as it still does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bench.simulate.history import Step

_NUMBER = re.compile(r"\d+")


def kind_of(broken: str) -> str:
    """What a broken promise is, whatever the numbers and names in it: its first words."""
    words = [word for word in broken.split() if "/" not in word]
    return _NUMBER.sub("0", " ".join(words[:6]))


def shrunk(
    steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool], most: int = 500
) -> list[Step]:
    """The steps without those that are not needed for it to fail; ``most`` tries are made."""
    left = list(steps)
    size = max(1, len(left) // 2)
    while most > 0:
        at, found = 0, False
        while at < len(left) and most > 0:
            fewer = left[:at] + left[at + size :]
            most -= 1
            if fails(fewer):
                left, found = fewer, True
            else:
                at += size
        if size == 1 and not found:
            break
        size = max(1, size // 2)
    return left
