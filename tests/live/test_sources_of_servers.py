"""Folders that come over a network: SFTP, Windows shares (SMB), Syncthing.

On demand, because their programs are seldom there: ``.ci/sources`` installs them and
runs this. All of it speaks to this machine only.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from tests.live.harness import Queue, wait_for
from tests.live.test_sources import DEFAULTS, a_tree, started_after
from tests.web.served import free_port

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

SFTP_SERVER = "/usr/lib/openssh/sftp-server"
SHARE = """\
[global]
server role = standalone server
bind interfaces only = yes
interfaces = lo
smb ports = {port}
disable netbios = yes
map to guest = Bad User
load printers = no
log level = 0
log file = {base}/log
private dir = {base}/private
lock directory = {base}/lock
state directory = {base}/state
cache directory = {base}/cache
pid directory = {base}/pid
ncalrpc dir = {base}/ncalrpc
[jobs]
path = {folder}
read only = no
guest ok = yes
force user = {user}
"""
DEVICE = """\
<device id="{id}" name="{name}" compression="never"><address>{address}</address></device>
"""
SYNCTHING = """\
<configuration version="36">
<folder id="jobs" label="jobs" path="{folder}" type="{kind}" rescanIntervalS="5"
 fsWatcherEnabled="true" fsWatcherDelayS="1"><filesystemType>basic</filesystemType>
<device id="{one}"/><device id="{two}"/></folder>
{devices}
<gui enabled="false"/>
<options><listenAddress>tcp://127.0.0.1:{port}</listenAddress>
<globalAnnounceEnabled>false</globalAnnounceEnabled>
<localAnnounceEnabled>false</localAnnounceEnabled>
<relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled>
<startBrowser>false</startBrowser><urAccepted>-1</urAccepted>
<autoUpgradeIntervalH>0</autoUpgradeIntervalH><crashReportingEnabled>false</crashReportingEnabled>
<stunKeepaliveStartS>0</stunKeepaliveStartS><reconnectionIntervalS>1</reconnectionIntervalS>
</options></configuration>
"""


def program(name: str) -> str:
    """Its path; the test is skipped where it is not installed."""
    found = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"SKIPPED: {name} is not installed; .ci/sources installs it")
    return found


@contextlib.contextmanager
def served(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server in the foreground, ended afterwards."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three hundred files and a large one."""
    folder = tmp_path_factory.mktemp("source") / "tree"
    folder.mkdir()
    return a_tree(folder)


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Queue]:
    """A queue with the times of the defaults."""
    queue = Queue(tmp_path / "QM", **DEFAULTS).start()
    yield queue
    left = queue.end_everything()
    assert not left, f"processes outlived the test: {left}"


def test_a_folder_by_sftp_starts_when_all_of_it_is_there(patient: Queue, source: Path) -> None:
    sftp = program("sftp")
    if not Path(SFTP_SERVER).exists():
        pytest.skip("SKIPPED: there is no sftp-server; .ci/sources installs it")
    target = patient.folder / "QM_qJobs" / "by sftp"
    target.mkdir()  # As a client makes it first, with nothing in it yet.
    orders = f'put -r "{source}/." "{target}/"\n'
    subprocess.run(
        [sftp, "-b", "-", "-l", "60000", "-D", SFTP_SERVER],
        input=orders.encode(),
        check=True,
        capture_output=True,
        timeout=120,
    )
    started_after(patient, "by sftp", time.time())


def test_a_folder_by_a_windows_share_starts_when_all_of_it_is_there(
    patient: Queue, source: Path, tmp_path: Path
) -> None:
    smbd, smbclient = program("smbd"), program("smbclient")
    base, port = tmp_path / "smb", free_port()
    for name in ("private", "lock", "state", "cache", "pid", "ncalrpc"):
        (base / name).mkdir(parents=True)
    (base / "ncalrpc").chmod(0o755)
    waiting = patient.folder / "QM_qJobs"
    share = SHARE.format(port=port, base=base, folder=waiting, user=waiting.owner())
    (base / "smb.conf").write_text(share, encoding="utf-8")
    client = [smbclient, "//127.0.0.1/jobs", "-p", str(port), "-N", "-s", str(base / "smb.conf")]

    def ask(orders: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*client, "-c", orders], capture_output=True, text=True, timeout=120, check=False
        )

    configured = ("--configfile", str(base / "smb.conf"), "--debug-stdout")
    with served(smbd, "--foreground", "--no-process-group", *configured, log=base / "said"):
        wait_for("the share is there", lambda: ask("ls").returncode == 0)
        done = ask(f'recurse; prompt; mkdir "by smb"; cd "by smb"; lcd "{source}"; mput *')
        assert done.returncode == 0, done.stdout + done.stderr
        started_after(patient, "by smb", time.time())


def test_a_folder_by_syncthing_starts_when_what_qm_ready_declares_is_there(
    patient: Queue, source: Path, tmp_path: Path
) -> None:
    """Its pauses have no limit, and nothing tells that more is to come: the folder says it."""
    syncthing = program("syncthing")
    homes = [tmp_path / "here", tmp_path / "there"]
    ids = [_new_device(syncthing, home) for home in homes]
    shared, ports = tmp_path / "shared", [free_port(), free_port()]
    shared.mkdir()
    folders = [shared, patient.folder / "QM_qJobs"]
    devices = "".join(
        DEVICE.format(id=one, name=f"d{at}", address=f"tcp://127.0.0.1:{ports[at]}")
        for at, one in enumerate(ids)
    )
    for at, home in enumerate(homes):
        (folders[at] / ".stfolder").mkdir()
        config = SYNCTHING.format(
            folder=escape(str(folders[at])),
            kind=("sendonly", "receiveonly")[at],
            one=ids[0],
            two=ids[1],
            devices=devices,
            port=ports[at],
        )
        (home / "config.xml").write_text(config, encoding="utf-8")
    job = shared / "by syncthing"
    with contextlib.ExitStack() as stack:
        for home in homes:
            command = (syncthing, "serve", "--home", str(home), "--no-browser", "--no-restart")
            stack.enter_context(served(*command, log=home / "said"))
        shutil.copytree(source, job)
        files = [path for path in job.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        (job / ".qm-ready").write_text(f"files={len(files)}\nbytes={size}\n", encoding="utf-8")
        folder = patient.wait_done("by syncthing", timeout=150)
        log = patient.process_log("by syncthing")
        assert log.splitlines()[-1].endswith(" with code 0"), log
        # What QM took is not brought back, and not taken away from the sender.
        assert folder.exists() and (job / "wanted").exists()


def _new_device(syncthing: str, home: Path) -> str:
    subprocess.run(
        [syncthing, "generate", "--home", str(home)], check=True, capture_output=True, timeout=60
    )
    told = subprocess.run(
        [syncthing, "--device-id", "--home", str(home)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return told.stdout.strip().splitlines()[-1]
