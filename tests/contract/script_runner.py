"""A small supervisor for the tests: runs one command as QM does, obeys lines, tells as JSON.

``python -m tests.contract.script_runner FOLDER COMMAND [CWD [CPU NICE]]`` prints
one JSON object a line. Orders: ``end`` ends the tree, ``ask`` asks it to end,
``suspend``, ``resume``, ``sample`` and ``usage`` do as they say, any other line is repeated.
"""

from __future__ import annotations

import json
import os
import sys

from qm.osops import TOKEN_VARIABLE, FolderHandle, Orders, ScriptProcess, stand_alone

TOKEN = "token-of-the-contract-tests"


def tell(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def main() -> None:
    folder_path, command, *rest = sys.argv[1:]
    stand_alone()
    orders = Orders()
    token = f"{TOKEN}-{os.path.basename(folder_path)}-{os.getpid()}"
    with FolderHandle.open(folder_path) as folder:
        log = folder.create("process.log")
        env = {**os.environ, TOKEN_VARIABLE: token, "GREETING": "good day"}
        cwd = rest[0] if rest else None
        cpus, nice = ([int(rest[1])], int(rest[2])) if rest[1:] else (None, 0)
        try:
            script = ScriptProcess.start(
                command, folder, cwd, env, log, log, token, cpus=cpus, nice=nice
            )
        except OSError as error:
            tell(refused=str(error))
            return
        os.close(log)
        tell(pid=script.pid, token=token)
        while not script.poll():
            for line in orders.wait(60):
                if line == b"end":
                    tell(left=script.end_now(20, orders.wait))
                elif line == b"ask":
                    script.ask_to_end()
                elif line == b"suspend":
                    script.suspend()
                    tell(suspended=True)
                elif line == b"resume":
                    script.resume()
                    tell(suspended=False)
                elif line == b"sample":
                    script.sample()
                    tell(peak_memory=script.peak_memory)
                elif line == b"usage":
                    tell(**script.usage()._asdict())
                else:
                    tell(line=line.decode())
            if orders.closed:
                script.end_now(20, orders.wait)
        tell(
            exit_code=script.exit_code,
            signal=script.signal,
            cpu_seconds=script.cpu_seconds,
            peak_memory=script.peak_memory,
            survivors=script.survivors(),
            in_the_end=script.usage()._asdict(),
        )
        script.end_now(20, orders.wait)


if __name__ == "__main__":
    main()
