"""A real Slurm on this machine: a controller and two nodes with two pretended GPUs each, for as long as a test runs.

Debian's packages are installed where they are missing, which takes root. Everything else lies in one folder, and the
daemons listen on the loopback. There is no accounting: the controller itself remembers every job.

Run as a script, it lasts as long as a command in which Slurm's own find it, say a shell:

    .venv/bin/python tests/cluster/local_slurm.py bash
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PROGRAMS = {"munged": "munge", "slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client"}
CLIENTS = ("srun", "sbatch", "squeue", "sinfo", "scancel", "scontrol", "sacct", "sacctmgr", "sshare")
SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"
NODES = ("n1", "n2")
GPUS = 2
KIND = "pretended"
URGENT = "urgent"
"""A partition whose jobs take the place of others."""
# As Debian's own daemons shall not start when their packages are installed.
POLICY = Path("/usr/sbin/policy-rc.d")

CONFIGURATION = """
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={port}
AuthType=auth/munge
# Short credentials, as a job that is requeued starts when its old one has run out.
AuthInfo=socket={folder}/munge.socket,cred_expire=15
CredType=cred/munge
{loopback}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
PlugStackConfig={folder}/plugstack.conf
MailProg=/bin/true
SwitchType=switch/none
MpiDefault=none
# No control groups: a job is a group of processes, and its memory is looked at every two seconds. By the tree of
# processes (proctrack/linuxproc), what has lost its parent would not be found, and nothing would end it.
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
# Nodes may claim more than the machine has, and come back by themselves.
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=20
KillWait=10
# Every job is remembered, for the tests to look at.
MinJobAge=86400
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=3,bf_interval=3,batch_sched_delay=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
EnforcePartLimits=ALL
GresTypes=gpu
{nodes}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=cpu Nodes=ALL Default=YES MaxTime=1-0 DefMemPerCPU=500
PartitionName=gpu Nodes=ALL MaxTime=1-0 DefMemPerCPU=500
PartitionName={urgent} Nodes=ALL MaxTime=1-0 DefMemPerCPU=500 PriorityTier=9
"""


class Unavailable(Exception):
    """Slurm cannot be had here; the message says why."""


def install() -> None:
    """Install what is missing.

    Raises:
        Unavailable: without the right or the means to.
    """
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=SYSTEM)]
    if not missing:
        return
    if os.getuid() != 0 or not shutil.which("apt-get"):
        raise Unavailable(f"Slurm: {', '.join(missing)} missing, and only root on Debian can install them here")
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
            result = subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True, text=True)
            if result.returncode:
                raise Unavailable(f"Slurm: apt-get {command[0]}: {result.stderr.strip()[-300:]}")
    finally:
        if ours:
            POLICY.unlink()


class LocalSlurm:
    """The cluster; ``folder`` is a short path, as sockets lie in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._configure()
        # A client's first PATH entry. The variable SLURM_CONF alone would not do: the executor keeps it from its jobs.
        self.environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}

    def _configure(self) -> None:
        host = socket.gethostname().split(".")[0]
        port, *node_ports = free_ports(1 + len(NODES))
        for name in ("bin", "state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        for client in CLIENTS:
            wrapper = self.folder / "bin" / client
            wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec /usr/bin/{client} "$@"\n')
            wrapper.chmod(0o755)
        for number in range(GPUS):
            # Slurm wants a device file, and any will do.
            (self.folder / f"gpu{number}").symlink_to("/dev/null")
        (self.folder / "munge.key").write_bytes(secrets.token_bytes(128))
        (self.folder / "munge.key").chmod(0o600)
        (self.folder / "plugstack.conf").touch()
        (self.folder / "gres.conf").write_text(
            f"AutoDetect=off\nName=gpu Type={KIND} File={self.folder}/gpu[0-{GPUS - 1}]\n"
        )
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={number} CPUs=4 RealMemory=16000 "
            f"Gres=gpu:{KIND}:{GPUS}"
            for number, node in zip(node_ports, NODES, strict=True)
        )
        # Listening where the host's name points, and nowhere else, works only if that is where connections come from.
        local = socket.gethostbyname(host) == "127.0.0.1"
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=host,
                user=psutil.Process().username(),
                port=port,
                folder=self.folder,
                loopback="CommunicationParameters=NoInAddrAny,NoCtldInAddrAny" if local else "",
                nodes=nodes,
                urgent=URGENT,
            )
        )

    def __enter__(self) -> LocalSlurm:
        try:
            socket_path = self.folder / "munge.socket"
            names = {
                "key-file": "munge.key",
                "pid-file": "munged.pid",
                "log-file": "munged.log",
                "seed-file": "munge.seed",
            }
            files = [f"--{option}={self.folder / name}" for option, name in names.items()]
            self._launch("munged", "munged", "--foreground", "--force", f"--socket={socket_path}", *files)
            wait(10, socket_path.exists, "munged")
            self.start_controller()
            for node in NODES:
                self.start_node(node)
            wait(60, lambda: self.states() == dict.fromkeys(NODES, "idle"), "idle nodes")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if "slurmctld" in self.daemons:
            self.run("scancel", "--me", check=False)
            wait(60, lambda: not self.run("squeue", "-h", check=False), "the end of all jobs", strict=False)
        for name in reversed(list(self.daemons)):
            self._end(name, signal.SIGTERM)

    def _launch(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | {"PATH": SYSTEM, "SLURM_CONF": str(self.folder / "slurm.conf")},
            )

    def _end(self, name: str, how: signal.Signals) -> None:
        daemon = self.daemons.pop(name)
        daemon.send_signal(how)
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def start_controller(self) -> None:
        """Start the controller; it knows what it knew when it was stopped."""
        self._launch("slurmctld", "slurmctld", "-D")
        wait(30, lambda: "is UP" in self.run("scontrol", "ping", check=False), "slurmctld")

    def stop_controller(self) -> None:
        """Stop the controller; jobs run on."""
        self._end("slurmctld", signal.SIGTERM)

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        self._launch(f"slurmd-{node}", "slurmd", "-D", "-N", node)

    def kill_node_daemon(self, node: str) -> None:
        """Kill a node's daemon, and nothing else: its jobs run on."""
        self._end(f"slurmd-{node}", signal.SIGKILL)

    def preempt(self, mode: str) -> None:
        """Let a job of another user's take both nodes for some seconds.

        Args:
            mode: what happens to jobs with GPUs that run there: REQUEUE or CANCEL.
        """
        self.run("scontrol", "update", "partitionname=gpu", f"preemptmode={mode}")
        self.run("sbatch", "-p", URGENT, "-N2", "--exclusive", "--output=/dev/null", "--wrap=sleep 3")

    def states(self) -> dict[str, str]:
        """The state of each node."""
        lines = self.run("sinfo", "-h", "-p", "cpu", "-N", "-o", "%N %T", check=False).splitlines()
        return dict(line.split() for line in lines)

    def run(self, *command: str, check: bool = True) -> str:
        """What one of Slurm's commands prints."""
        result = subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]], capture_output=True, text=True, check=False
        )
        assert not check or result.returncode == 0, f"{' '.join(command)}: {result.stderr}"
        return result.stdout.strip()

    def job(self, before: Job) -> Job:
        """A job as it is now."""
        return Job(self.run("scontrol", "-d", "-o", "show", "job", before["JobId"]))

    def jobs(self) -> list[Job]:
        """Every job there was, as the controller remembers it, but those of others."""
        listed = self.run("scontrol", "-d", "-o", "show", "job", check=False)
        jobs = [Job(line) for line in listed.splitlines() if line.startswith("JobId=")]
        return [job for job in jobs if job["Partition"] != URGENT]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, so that several of these clusters can be there at a time."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Job:
    """A line of ``scontrol show job``."""

    def __init__(self, line: str) -> None:
        self.line = line

    def __getitem__(self, key: str) -> str:
        found = re.search(rf"(?:^|\s){re.escape(key)}=(\S*)", self.line)
        assert found, f"no {key} in {self.line}"
        return found[1]

    def __repr__(self) -> str:
        return f"{self['JobId']} {self.name} {self['JobState']}"

    @property
    def name(self) -> str:
        """Rule and wildcards."""
        return self["Comment"].removeprefix("rule_").replace("_wildcards_", " ")

    @property
    def device(self) -> tuple[str, str] | None:
        """Node and number of the GPU."""
        found = re.search(r"Nodes=(\S+) CPU_IDs=\S+ Mem=\d+ GRES=gpu:\w+:1\(IDX:(\d+)\)", self.line)
        return (found[1], found[2]) if found else None


def wait(seconds: float, ready: Callable[[], object], what: str, *, strict: bool = True) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            assert not strict, f"waited {seconds:.0f} s for {what}"
            return
        time.sleep(0.2)


@contextmanager
def local_slurm() -> Iterator[LocalSlurm]:
    """A cluster in a folder of its own.

    Raises:
        Unavailable: if it cannot be installed.
    """
    install()
    # A short name, as sockets lie in it.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        with LocalSlurm(folder / "c") as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        with local_slurm() as slurm:
            code = subprocess.run(sys.argv[1:], env=os.environ | slurm.environment, check=False).returncode
    except Unavailable as error:
        sys.exit(f"error: {error}")
    sys.exit(code)
