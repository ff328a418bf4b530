"""QM: a batch queue that you use by copying a folder."""

__version__ = "0.1.0"
