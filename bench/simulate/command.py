"""``python -m bench simulate``: the command; it imports the simulation when it is called."""

from __future__ import annotations

import os
import sys

import click


@click.command("simulate", help="Random histories on a simulated machine: what QM promises holds.")
@click.option("--histories", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="The first history's.")
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True)
def simulate_command(histories: int, seed: int, processes: int) -> None:
    """Exit code 1 where a promise was broken."""
    if not hasattr(os, "O_DIRECTORY"):
        raise click.ClickException("the simulated machine is a POSIX one: not on this system")
    from bench.simulate.campaign import simulate

    sys.exit(1 if simulate(histories, seed, processes) else 0)
