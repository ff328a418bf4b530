"""Works through STEPS steps in about three seconds and says how far it is.

Python holds back what it prints into a file until some kilobytes have come
together; flush=True sends each line at once, so that people see it live.
"""

import time
from pathlib import Path

STEPS = 30
SECONDS_EACH = 0.1

total = 0
for step in range(1, STEPS + 1):
    time.sleep(SECONDS_EACH)  # stands for the real work of one step
    total += step
    print(f"{step} / {STEPS}", flush=True)

Path("total.txt").write_text(f"{total}\n", encoding="utf-8")
print("Wrote total.txt.")
