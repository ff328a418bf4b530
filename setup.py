"""Puts the sample jobs into the wheel; all metadata is in setup.cfg.

Mapping the folder to a package in setup.cfg would do as well, but then an
editable install works by an import hook, which every start of Python pays for.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SAMPLES = Path(__file__).parent / "sample_jobs"


class BuildWithSamples(build_py):
    """Copies sample_jobs into the built package as qm/sample_jobs."""

    def run(self) -> None:
        """Build as usual, then copy; an editable install reads the checkout's own folder."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "qm" / "sample_jobs"
        # The build folder outlives a build, and with it samples since renamed.
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(SAMPLES, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))


setup(cmdclass={"build_py": BuildWithSamples})
