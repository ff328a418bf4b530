"""Computes pi as a sum, spread over as many processes as QM gave processors.

pi is the integral of 4 / (1 + x*x) from 0 to 1; the midpoint rule adds STEPS
narrow rectangles. They are dealt out in CHUNKS shares whatever the number of
workers is, so that the result is the same to the last digit.
"""

import math
import multiprocessing
import os
from pathlib import Path

STEPS = 1_000_000
CHUNKS = 16


def partial_sum(chunk: int) -> float:
    """Return the exact sum of every CHUNKS-th rectangle, from number ``chunk`` on."""
    width = 1.0 / STEPS
    middles = ((step + 0.5) * width for step in range(chunk, STEPS, CHUNKS))
    return math.fsum(4.0 / (1.0 + x * x) for x in middles) * width


def main() -> None:
    """Add the chunks up with NB_PROC workers and write result.txt."""
    processors = int(os.environ.get("NB_PROC", "1"))
    print(f"Using {processors} of the {os.cpu_count()} processors.", flush=True)
    with multiprocessing.Pool(processors) as pool:
        pi = math.fsum(pool.map(partial_sum, range(CHUNKS), chunksize=1))
    text = f"pi = {pi:.12f}\nerror = {abs(pi - math.pi):.1e}\n"
    Path("result.txt").write_text(text, encoding="utf-8")
    print(f"pi = {pi:.12f}. Wrote result.txt.")


# Where processes are spawned (Windows, macOS) each worker imports this file
# anew: without this line every worker would start workers of its own.
if __name__ == "__main__":
    main()
