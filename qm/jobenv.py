"""What QM tells a script by its environment. Pure."""

from __future__ import annotations

from qm.model import Job

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
    "JULIA_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "GOMAXPROCS",
    "POLARS_MAX_THREADS",
)
"""Variables that numeric libraries and runtimes read the number of their threads from."""


def job_variables(
    job: Job, folder: str, submitted_from: str, *, hide_gpus: bool = False
) -> dict[str, str]:
    """The variables for one attempt, the info file's own ones last.

    ``folder`` is the job folder's path, ``submitted_from`` the folder that the
    job was submitted from (the job folder itself for a drop). ``hide_gpus``:
    the job sees the GPUs that it was given, and no other.
    """
    number = str(job.options.nb_proc)
    variables = {
        "NB_PROC": number,
        "QM_JOB_ID": str(job.id),
        "QM_JOB_NAME": job.name,
        "QM_JOB_DIR": folder,
        "QM_ATTEMPT": str(job.attempt),
        **dict.fromkeys(THREAD_VARIABLES, number),
    }
    if hide_gpus or job.gpus:
        indices = ",".join(map(str, job.gpus))
        variables |= {"CUDA_VISIBLE_DEVICES": indices, "QM_GPUS": indices}
    if job.options.dialect == "slurm":
        variables |= {
            "SLURM_CPUS_PER_TASK": number,
            "SLURM_CPUS_ON_NODE": number,
            "SLURM_JOB_CPUS_PER_NODE": number,
            "SLURM_NTASKS": "1",
            "SLURM_NNODES": "1",
            "SLURM_JOB_ID": str(job.id),
            "SLURM_JOBID": str(job.id),
            "SLURM_JOB_NAME": job.name,
            "SLURM_SUBMIT_DIR": submitted_from,
        }
        if job.options.mem is not None:
            variables["SLURM_MEM_PER_NODE"] = str(job.options.mem // (1 << 20))
    elif job.options.dialect == "pbs":
        variables |= {
            "PBS_JOBID": str(job.id),
            "PBS_JOBNAME": job.name,
            "PBS_O_WORKDIR": submitted_from,
            "PBS_NP": number,
            "PBS_NUM_PPN": number,
            "NCPUS": number,
        }
    return variables | dict(job.options.env)
