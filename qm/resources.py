"""What this machine has, and what of it QM may use."""

from __future__ import annotations

from qm.config import Config
from qm.jobinfo.limits import Limits


def limits_of(config: Config) -> Limits:
    """What a job can get: the options, with ``auto`` replaced by what the machine has."""
    return Limits(
        max_processors=config.max_nb_processors,
        max_memory=config.max_memory if config.max_memory is not None else total_memory(),
        gpus=config.nb_gpus if config.nb_gpus is not None else count_gpus(),
        default_mem=config.default_mem,
        default_walltime=config.default_walltime,
        names=config.job_files,
    )


def total_memory() -> int:
    """Bytes of memory of this machine."""
    import psutil

    return int(psutil.virtual_memory().total)


def count_gpus() -> int:
    """The GPUs that nvidia-smi lists; 0 where it is not installed or does not answer."""
    import subprocess

    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.splitlines())
