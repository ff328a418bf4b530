"""Greets from inside a job and writes one small result file.

QM runs a script in its own job folder, so a file opened by its bare name is
in that folder and stays with the job. What QM knows about the job is in
environment variables; a script that is also run by hand gives them defaults.
"""

import os
from pathlib import Path

job = os.environ.get("QM_JOB_NAME", "by hand")
job_id = os.environ.get("QM_JOB_ID", "none")
processors = os.environ.get("NB_PROC", "1")

print("Hello from QM.")
text = f"job: {job}\nid: {job_id}\nprocessors: {processors}\n"
Path("result.txt").write_text(text, encoding="utf-8")
print("Wrote result.txt.")
