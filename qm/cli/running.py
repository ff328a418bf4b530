"""The commands about QM itself: init, serve, status, doctor, demo."""

from __future__ import annotations

from pathlib import Path

import click

from qm.cli.output import print_json, say
from qm.cli.session import Session


@click.command()
@click.pass_obj
def init(session: Session) -> None:
    """Make the QM_FOLDER with its four folders.

    An example of a configuration file is written into it as well.
    """
    from qm.config.example import render_example
    from qm.errors import QMError

    layout, config = session.layout, session.config
    try:
        layout.create()
        example = Path(layout.root) / "QMserv.cfg.example"
        if not example.exists():
            example.write_text(
                render_example().replace("QM_FOLDER : ~/QM", f"QM_FOLDER : {layout.root}"),
                encoding="utf-8",
            )
    except OSError as error:
        raise QMError(
            f"QM cannot make its folders in {layout.root}: {error.strerror}",
            "Choose another folder with --folder, or QM_FOLDER in QMserv.cfg.",
        ) from error
    say(f"QM_FOLDER is {layout.root}")
    if config.source is not None:
        say(f"The configuration is {config.source}")
    else:
        say("There is no configuration file: every option has its default.")
        say(f"To change one, copy {example} to {_usual_config()} and edit it.")
    say("`qm serve` starts QM, `qm demo` shows a job from drop to done.")


def _usual_config() -> Path:
    import platformdirs

    return platformdirs.user_config_path("QM", appauthor=False) / "QMserv.cfg"


@click.command()
@click.option("--no-web", is_flag=True, help="Without the web page.")
@click.option(
    "--idle-exit",
    type=click.FloatRange(0, 366 * 86400),
    metavar="SECONDS",
    help="End when for so long nothing has run, waited or been held.",
)
@click.option(
    "--log-to-file", is_flag=True, help="Write the log to QM_FOLDER/.qm/log/qm.log, not here."
)
@click.pass_obj
def serve(session: Session, no_web: bool, idle_exit: float | None, log_to_file: bool) -> int:
    """Run QM here, until Ctrl-C.

    Running jobs go on without it; the next QM collects their ends. `qm start`
    does the same in the background.
    """
    from qm.daemon import serve as run_manager
    from qm.logfile import log_file, start_logging

    file = log_file(session.layout.own) if log_to_file else None
    start_logging(debug=session.config.debug, file=file)
    try:
        return run_manager(
            session.config, web=not no_web, idle_exit=idle_exit, reread=session.reread
        )
    except Exception as error:
        # On the terminal the error is told anyway.
        if log_to_file:
            _log_the_end(error)
        raise


def _log_the_end(error: Exception) -> None:
    import logging

    from qm.errors import QMError

    log = logging.getLogger("qm")
    if isinstance(error, QMError):
        log.error("QM ends: %s. %s", error.message, error.hint)
    else:
        log.critical("QM ends by a mistake of its own", exc_info=error)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def status(session: Session, as_json: bool) -> int:
    """Say whether QM runs, and how busy it is.

    Exit code 0: it runs on this folder; 3: it does not.
    """
    from qm.cli.standing import standing_text
    from qm.view.standing import standing

    found = standing(session.layout, session.config)
    if as_json:
        print_json(found)
    else:
        say(standing_text(found))
    return 0 if found["running"] else 3


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def doctor(session: Session, as_json: bool) -> int:
    """Look for what keeps QM from working well.

    Exit code 1: there is a problem.
    """
    from qm.cli.checkup import PROBLEM, examine

    findings = examine(session.config, session.layout)
    if as_json:
        print_json([finding.as_json() for finding in findings])
    else:
        for finding in findings:
            say(f"{finding.grade + ':':<9} {finding.text}")
            if finding.advice:
                say(f"{'':<9} {finding.advice}")
    return 1 if any(finding.grade == PROBLEM for finding in findings) else 0


@click.command()
@click.argument("name", required=False, default="progress")
@click.pass_obj
def demo(session: Session, name: str) -> int:
    """Show a job from drop to done.

    NAME is one of the sample jobs, progress by default. It runs in your QM_FOLDER
    if QM runs there, else in a folder ~/QM-demo with a QM that is started for it
    and stopped again.
    """
    from qm.demo import Demo

    return Demo(session.config, session.layout, say).run(name)
