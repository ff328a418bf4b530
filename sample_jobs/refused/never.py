"""Never runs: the info file beside it cannot be used."""

print("If you can read this, QM ran a job that it should have refused.")
