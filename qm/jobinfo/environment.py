"""The ``env`` of a job: variables for its script."""

from __future__ import annotations

import re

from qm.jobinfo.values import Unusable
from qm.jobinfo.words import split_words

ENV_FORMS = (
    "NAME=value, several with blanks between them, a value with blanks in quotes, "
    'such as: MODE=fast TITLE="two words"'
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_LISTED = re.compile(r"[,;]\s+[A-Za-z_][A-Za-z0-9_]*=", re.ASCII)


def parse_env(text: str) -> tuple[tuple[str, str], ...]:
    """Names and values, in order.

    Blanks divide; quotes of either kind hold a value together; a backslash is
    just a backslash, so that Windows paths need no care. Raises Unusable.
    """
    if _LISTED.search(_QUOTED.sub('""', text)):
        raise Unusable(
            ENV_FORMS, "Write blanks alone between variables; quote a value that ends with , or ;"
        )
    try:
        words = split_words(text)
    except ValueError:
        raise Unusable(ENV_FORMS, "A quote is opened and never closed.") from None
    variables: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not _NAME.fullmatch(name):
            raise Unusable(ENV_FORMS)
        # Without case: on Windows nb_proc and NB_PROC are one variable.
        if name.upper() == "NB_PROC" or name.upper().startswith("QM_"):
            raise Unusable(f"another name than {name}: QM sets NB_PROC and QM_... itself")
        if name in variables:
            raise Unusable(f"{name} only once")
        variables[name] = value
    return tuple(variables.items())
