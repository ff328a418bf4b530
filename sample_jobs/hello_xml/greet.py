"""Greets NAME the given number of times: python greet.py NAME TIMES.

The parameters are in the info file, so another run with other parameters is a
copy of this folder with one line changed. Works by hand as well.
"""

import sys
from pathlib import Path

name, times = sys.argv[1], int(sys.argv[2])
greetings = [f"{number}. Hello, {name}." for number in range(1, times + 1)]

print("\n".join(greetings))
Path("greetings.txt").write_text("\n".join(greetings) + "\n", encoding="utf-8")
