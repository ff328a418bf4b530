"""Take orders from the manager, one job at a time, until the manager is gone.

The manager writes one JSON object a line to our standard input:
``{"run": ORDER}``, or ``{"kill": MARK}``, ``{"suspend": MARK}`` and
``{"resume": MARK}`` (a mark as it stands in the job's folder: it names attempt
and token). We answer on standard output: ``ready``, ``started``, ``suspended``
(true or false, each time that changes), ``ended``, ``refused`` (not ours,
nothing started) or ``failed`` (nothing could be started, and why).
"""

from __future__ import annotations

import json
import os
from typing import Any

from qm.crashpoints import arm
from qm.osops import Orders, stand_alone, write_all
from qm.supervisor.run import JobRun, NotMine


def main() -> None:
    """Serve until standard input is closed, which the manager's death does as well."""
    arm()
    stand_alone()
    os.chdir(os.path.abspath(os.sep))
    orders = Orders()
    _report({"ready": os.getpid()})
    while not orders.closed:
        for line in orders.wait(None):
            order = json.loads(line).get("run")
            if order is not None:
                _report(_run(order, orders))


def _run(order: dict[str, Any], orders: Orders) -> dict[str, Any]:
    token = order["token"]
    try:
        return {"ended": JobRun(order, orders, _report).run(), "token": token}
    except NotMine as why:
        return {"refused": str(why), "token": token}
    except OSError as error:
        what = f"{error.filename or order['path']}: {error.strerror}"
        return {"failed": what, "errno": error.errno, "token": token}
    except Exception:
        import traceback

        return {"failed": traceback.format_exc(), "token": token}


def _report(message: dict[str, Any]) -> None:
    try:
        write_all(1, json.dumps(message).encode() + b"\n")
    except OSError:
        pass  # The manager is gone; the records say everything.


if __name__ == "__main__":
    main()
