"""``qm web``: serve the page alone, log in to it, show or change its token."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from qm.cli.output import say, tell
from qm.cli.session import Session

if TYPE_CHECKING:
    from qm.config import Config


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", metavar="HOST", help="Where it listens, instead of Host in QMserv.cfg.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Its port, instead of The_Port in QMserv.cfg.",
)
@click.option("--open", "opened", is_flag=True, help="Open it in the browser, logged in.")
@click.pass_context
def web(ctx: click.Context, host: str | None, port: int | None, opened: bool) -> int:
    """Serve the web page here, until Ctrl-C.

    `qm serve` and `qm start` do so as well; this is for a page without a
    manager, or a second one on another port. `qm web login` logs you in.
    """
    session: Session = ctx.obj
    config = ctx.obj = _with(session.config, host, port)
    if ctx.invoked_subcommand is not None:
        return 0
    from web.__main__ import end_when_told, serve
    from web.logs import start_logging

    end_when_told()
    start_logging()
    return serve(config, browser=opened)


@web.command()
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
@click.pass_obj
def login(config: Config, opened: bool) -> int:
    """Print a link that logs you in to the page.

    It works once, within a minute. The first one makes the token that the
    page knows you by.
    """
    from web.__main__ import login_link

    link = login_link(config)
    if opened:
        import webbrowser

        if webbrowser.open(link):
            return 0
        tell("No browser could be opened; here is the link.")
    say(link)
    return 0


@web.command()
@click.option("--new", "fresh", is_flag=True, help="Make a new one; all logins end by that.")
@click.option("--viewer", is_flag=True, help="Show the token for those who may only look.")
@click.pass_obj
def token(config: Config, fresh: bool, viewer: bool) -> int:
    """Show the token to log in with from another machine.

    Who has it may start programs in your name. It stands in a file of yours,
    see Token_file in QMserv.cfg.
    """
    from web.tokens import existing_or_new, new_token, token_path

    path = token_path(config)
    found = new_token(path) if fresh else existing_or_new(path)
    say(found.viewer if viewer else found.secret)
    return 0


def _with(config: Config, host: str | None, port: int | None) -> Config:
    """The configuration with the host and port that the command line names."""
    web = config.web
    if host is not None:
        web = dataclasses.replace(web, host=host)
    if port is not None:
        web = dataclasses.replace(web, port=port)
    return dataclasses.replace(config, web=web)
