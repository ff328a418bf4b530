"""The command line. :func:`main` is the program ``qm``."""

from qm.cli.main import main

__all__ = ["main"]
