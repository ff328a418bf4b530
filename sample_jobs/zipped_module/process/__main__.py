"""Solves a random linear system of [Proc] Size unknowns and checks the solution.

Python runs a zip file that holds a ``__main__.py``: the modules beside it are
imported from the zip, so a program of many modules travels as one file. The
first parameter is the cfg file; the results are solution.csv and the lines
printed here. Ends with code 1 when the solution is not accurate.
"""

import configparser
import random
import sys
from pathlib import Path

from linear import largest_residual, solve

TOLERANCE = 1e-8

config = configparser.ConfigParser(interpolation=None)
config.read_string(Path(sys.argv[1]).read_text(encoding="utf-8"))
size = config.getint("Proc", "Size")

numbers = random.Random(size)
matrix = [[numbers.uniform(-1, 1) for _ in range(size)] for _ in range(size)]
right_side = [numbers.uniform(-1, 1) for _ in range(size)]

solution = solve(matrix, right_side)
residual = largest_residual(matrix, solution, right_side)

rows = [f"{index},{value!r}" for index, value in enumerate(solution)]
Path("solution.csv").write_text("index,value\n" + "\n".join(rows) + "\n", encoding="utf-8")
print(f"Size {size}: solved, largest residual {residual:.1e}. Wrote solution.csv.")
if residual > TOLERANCE:
    sys.exit(f"The residual is above {TOLERANCE:.0e}: the matrix is nearly singular.")
