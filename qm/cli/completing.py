"""The command completion: scripts that let a shell complete what is typed after ``qm``."""

from __future__ import annotations

import os

import click

from qm.cli.session import Session

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.option("--words", is_flag=True, hidden=True, help="For the scripts: answer one request.")
@click.pass_obj
def completion(session: Session, /, shell: str, words: bool) -> None:
    """Print what makes your shell complete commands.

    Options, jobs and states are completed as well.

    \b
    bash: echo 'eval "$(qm completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(qm completion zsh)"' >> ~/.zshrc
    fish: qm completion fish > ~/.config/fish/completions/qm.fish

    It works in the next shell that is started.
    """
    from qm.cli.candidates import answer, script

    if words:
        click.echo(answer(shell, dict(os.environ)), nl=False)
    else:
        click.echo(script(shell), nl=False)
