"""Nodes of MariaDB with Galera that a test makes for itself: each one takes writes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .servers import HOST, free_port, identity, leave_out

USER = "mysql"
DATABASE = "test"
"""The one that a new server has."""
PROVIDER = "/usr/lib/galera/libgalera_smm.so"
SERVER = "/usr/sbin/mariadbd"
INSTALLER, CLIENT, COPIER = (
    f"/usr/bin/{name}" for name in ("mariadb-install-db", "mariadb", "wsrep_sst_rsync")
)
OPTIONS = (
    "--binlog-format=ROW",
    "--default-storage-engine=InnoDB",
    "--innodb-autoinc-lock-mode=2",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=16M",
    "--max-connections=200",
    f"--wsrep-provider={PROVIDER}",
    "--wsrep-on=ON",
    "--wsrep-sst-method=rsync",
)
NOTICING = "evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT3S;evs.inactive_timeout=PT10S"
"""How soon a node that is dead is left out by the others, which stand still meanwhile."""
PATIENCE = 120
"""How long a node may take until it has all that the others have, in seconds."""


def need_programs(
    files: Iterable[str] = (PROVIDER, SERVER, INSTALLER, CLIENT, COPIER), driver: str = "MySQLdb"
) -> None:
    """Leave the test out unless they are there."""
    if not all(map(Path.exists, map(Path, files))) or find_spec(driver) is None:
        leave_out("MariaDB's programs, or Galera, or the driver, are not there.")


class Node:
    """One of a cluster, with a directory of its own."""

    def __init__(self, place: Path) -> None:
        self.place, self.log = place, place / "log"
        self.port, self.link, self.later, self.copy = (free_port() for _ in range(4))
        self.processes: list[subprocess.Popen[bytes]] = []
        # The directory for what is temporary may be root's alone.
        self.setting: dict[str, Any] = {
            "env": os.environ | {"TMPDIR": str(place)},
            **identity(USER),
        }
        subprocess.run(["mkdir", "-p", place / "data"], check=True, **self.setting)

    def start(self, others: Iterable[Node]) -> None:
        """Return when it has all that the others have; without any, it founds the cluster."""
        addresses = ",".join(f"{HOST}:{other.link}" for other in others)
        if not addresses:
            self._install()
        options = {
            "datadir": self.place / "data",
            "socket": self.place / "socket",
            "pid-file": self.place / "pid",
            "bind-address": HOST,
            "port": self.port,
            "wsrep-cluster-address": f"gcomm://{addresses}",
            "wsrep-node-address": f"{HOST}:{self.link}",
            "wsrep-sst-receive-address": f"{HOST}:{self.copy}",
            "wsrep-provider-options": f"gmcast.listen_addr=tcp://{HOST}:{self.link};"
            f"ist.recv_addr={HOST}:{self.later};gcache.size=8M;{NOTICING}",
        }
        command = [SERVER, "--no-defaults", *OPTIONS]
        command += [f"--{name}={value}" for name, value in options.items()]
        with self.log.open("a") as log:
            process = subprocess.Popen(
                command, cwd=self.place, stdout=log, stderr=subprocess.STDOUT, **self.setting
            )
        self.processes.append(process)
        deadline = time.monotonic() + PATIENCE
        while "Synced" not in self._state():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)

    def kill(self) -> None:
        """At once, as if its machine had lost power."""
        for process in self.processes:
            process.kill()
            process.wait()

    def _install(self) -> None:
        command = [INSTALLER, "--no-defaults", f"--datadir={self.place / 'data'}",
                   "--auth-root-authentication-method=normal"]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, **self.setting)

    def _state(self) -> str:
        command = [CLIENT, "--no-defaults", f"--host={HOST}", f"--port={self.port}", "--user=root",
                   "--execute=SHOW STATUS LIKE 'wsrep_local_state_comment'"]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True).stdout
