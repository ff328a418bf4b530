"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# Machines that run tests are busy: how long one example takes says nothing about QM.
settings.register_profile("qm", deadline=None)
settings.load_profile("qm")
