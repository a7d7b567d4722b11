"""A Slurm of its own for the tests: slurmctld and several slurmd on this computer, in a scratch folder, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scancel", "scontrol")

PATIENCE_SECONDS = 60.0

CONF = """\
ClusterName=scratch
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
PlugStackConfig=/dev/null
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
ReturnToService=2
SlurmdTimeout=10
MessageTimeout=5
KillWait=5
MinJobAge=300
InactiveLimit=0
"""


def missing_parts() -> str:
    """What keeps a Slurm from being started here, in words; "" where nothing does."""
    lacking = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if lacking:
        return f"{', '.join(lacking)} not found; Debian has them in slurm-wlm"
    return "" if os.getuid() == 0 else "slurmd has to be started as root"


def _path() -> str:
    return os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


class Slurm:
    """Nodes `n1`, `n2` and so on in the partition `main`; the partition `short` takes jobs of a minute."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self.folder, self.nodes = folder, [f"n{number + 1}" for number in range(nodes)]
        self.conf = folder / "slurm.conf"
        self.environ = {"SLURM_CONF": str(self.conf)}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._write_conf()

    def _write_conf(self) -> None:
        host, ports = socket.gethostname().partition(".")[0], _free_ports(1 + len(self.nodes))
        (self.folder / "state").mkdir(parents=True)
        text = CONF.format(host=host, folder=self.folder, ports=ports)
        for name, port in zip(self.nodes, ports[1:], strict=True):
            (self.folder / name).mkdir()
            text += f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 State=UNKNOWN\n"
        names = ",".join(self.nodes)
        text += f"PartitionName=main Nodes={names} Default=YES MaxTime=60 State=UP\n"
        text += f"PartitionName=short Nodes={names} MaxTime=1 State=UP\n"
        self.conf.write_text(text)

    # ------------------------------------------------------------------------------------------- daemons

    def start(self) -> None:
        """All of it; returns when every node can work."""
        self.start_controller()
        for name in self.nodes:
            self.start_node(name)
        self.wait_for(lambda: self.states() == dict.fromkeys(self.nodes, "idle"), "idle nodes")

    def start_controller(self) -> None:
        self._start("slurmctld", ["slurmctld", "-D"])

    def forget_all(self) -> None:
        """As a controller that has lost its state; the numbers of jobs that nodes remember are not given again."""
        self._kill_jobs()  # they would tell it of jobs that it does not know, and let no slurmd end
        shutil.rmtree(self.folder / "state")
        (self.folder / "state").mkdir()
        self.conf.write_text(f"{self.conf.read_text()}FirstJobId=1001\n")
        self.start_controller()
        self.resume()

    def start_node(self, name: str, *, before: list[str] | None = None) -> None:
        """A node; `before` are words of a program that starts its daemon, such as unshare."""
        self._start(name, [*(before or []), "slurmd", "-D", "-N", name])

    def _start(self, name: str, command: list[str]) -> None:
        environ = {**os.environ, **self.environ, "PATH": _path()}
        with (self.folder / f"{name}.out").open("ab") as out:
            self._daemons[name] = subprocess.Popen(
                command, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def end_daemon(self, name: str) -> None:
        """By its own pid; SIGKILL where it does not go."""
        process = self._daemons.pop(name)
        process.terminate()
        try:
            process.wait(5)  # a slurmd waits for steps that are gone
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def fail_node(self, name: str) -> None:
        """As when its power goes: its daemon, the tasks on it and what waits for them."""
        for pid in self._processes(f"SLURMD_NODENAME={name}"):
            with suppress(psutil.Error):
                task = psutil.Process(pid)
                steps = [each for each in task.parents() if each.name() == "slurmstepd"]
                for each in (*steps, task):
                    each.kill()
        self._daemons[name].kill()
        self.end_daemon(name)

    def stop(self) -> None:
        """Whatever a test did: no job, no daemon and no step of this Slurm is left."""
        with ExitStack() as rest:
            rest.callback(self._kill_jobs)
            for name in list(self._daemons):
                rest.callback(self.end_daemon, name)
            if "slurmctld" in self._daemons:
                self.call("scancel", "--user=root", check=False)
                self.wait_for(lambda: not self.call("squeue", "--noheader", check=False).strip(), "an empty queue")

    def _kill_jobs(self) -> None:
        daemons = {process.pid for process in self._daemons.values()}
        for pid in self._processes(f"SLURM_CONF={self.conf}"):
            if pid not in daemons:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _processes(self, variable: str) -> list[int]:
        """Those with a variable; slurmstepd overwrites the beginning of its own, which psutil takes for the end."""
        wanted, pids = f"\0{variable}\0".encode(), []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if wanted in b"\0" + path.read_bytes() and path.parent.name != str(os.getpid()):
                    pids.append(int(path.parent.name))
        return pids

    # --------------------------------------------------------------------------------------------- asking

    def call(self, *command: str, check: bool = True) -> str:
        """A program of Slurm's; gives what it printed."""
        environ = {**os.environ, **self.environ}
        return subprocess.run(command, env=environ, check=check, capture_output=True, text=True, timeout=120).stdout

    def states(self) -> dict[str, str]:
        """Of each node."""
        lines = self.call(
            "sinfo", "--noheader", "--Node", "--partition=main", "--format=%N %T", check=False
        ).splitlines()
        return {name: state for name, _, state in (line.strip().partition(" ") for line in lines)}

    def job_state(self, job: str) -> str:
        return self.call("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T", check=False).strip()

    def resume(self) -> None:
        """Every node is free again, whatever a test did to it."""
        self.call("scancel", "--user=root", check=False)
        for name, state in self.states().items():
            if not state.startswith(("idle", "mixed", "allocated", "completing")):
                self.call("scontrol", "update", f"nodename={name}", "state=resume", check=False)
        self.wait_for(lambda: self.states() == dict.fromkeys(self.nodes, "idle"), "idle nodes")

    def wait_for(self, there: Callable[[], object], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        begin = time.monotonic()
        while not there():
            logs = "".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.log"))
            assert time.monotonic() - begin < seconds, f"{what} did not come\n{self.states()}\n{logs}"
            time.sleep(0.1)


def _free_ports(number: int) -> list[int]:
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
