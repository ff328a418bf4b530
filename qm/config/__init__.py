"""QM's configuration: one table of options, and QMserv.cfg read by it."""

from qm.config.load import load_config
from qm.config.mail import MailConfig
from qm.config.options import Config, HelpRow, option_help
from qm.config.parse import parse_config
from qm.config.web import WebConfig

__all__ = [
    "Config",
    "HelpRow",
    "MailConfig",
    "WebConfig",
    "load_config",
    "option_help",
    "parse_config",
]
