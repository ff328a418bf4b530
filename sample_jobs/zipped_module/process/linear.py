"""Linear systems in plain Python: Gaussian elimination with partial pivoting."""


def solve(matrix, right_side):
    """Return x with matrix * x = right_side; the arguments are left as they are.

    ``matrix`` is a list of n rows of n floats, ``right_side`` a list of n floats.
    Raises ZeroDivisionError when the matrix is singular.
    """
    size = len(right_side)
    rows = [[*row, value] for row, value in zip(matrix, right_side, strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda index: abs(rows[index][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for below in rows[column + 1 :]:
            factor = below[column] / rows[column][column]
            for index in range(column, size + 1):
                below[index] -= factor * rows[column][index]
    solution = [0.0] * size
    for index in reversed(range(size)):
        row = rows[index]
        known = sum(row[right] * solution[right] for right in range(index + 1, size))
        solution[index] = (row[size] - known) / row[index]
    return solution


def largest_residual(matrix, solution, right_side):
    """Return the largest difference between matrix * solution and right_side."""
    return max(
        abs(sum(a * x for a, x in zip(row, solution, strict=True)) - value)
        for row, value in zip(matrix, right_side, strict=True)
    )
