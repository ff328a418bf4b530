"""How fast QM is, what it costs while it idles, and how both grow: ``python -m bench``.

A figure in seconds says more about the machine than about QM. So each figure is
held against something that ran in the same minutes on the same machine: rounds
of QM and of what it is compared with alternate, and the tables give the median
with the lowest and the highest of all rounds.

QM is started as its users start it (``qm serve``, the times as they come), in a
temporary folder. The jobs are shell scripts, so a POSIX ``sh`` is needed.
"""
