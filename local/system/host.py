"""A machine of an embedded cloud: an overlay file system and namespaces of its own."""

import contextlib
import os
import pathlib
import resource
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence

from . import network, processes

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_TURN_ROOT = """
init=$1
shift
mkdir -p .outside
pivot_root . .outside
exec chroot . sh -ec '
    mount -t proc proc /proc
    umount --lazy /.outside
    rmdir /.outside
    init=$1
    shift
    exec env -i "$@" $init
' sh "$init" "$@"
"""
"""Makes the working directory the root, and the file system of this machine vanish.

A chroot would leave it there: what joins the mount namespace, as `runc exec` does, begins at the
root of the namespace and not at that of a process.
"""


class Host:
    """A machine with a disk that outlives its being switched off."""

    def __init__(
        self,
        folder: pathlib.Path,
        ip: str,
        *,
        console: pathlib.Path,
        layers: Sequence[pathlib.Path],
        gateway: str,
        name: str = "",
        init: str = "/usr/sbin/host-init",
        variables: Mapping[str, str] | None = None,
        shared: Mapping[str, pathlib.Path] | None = None,
        groups: Sequence[pathlib.Path] = (),
    ) -> None:
        """Describe a machine that does not exist yet.

        `init` is the program of its first process, `variables` are that process's. `shared` are
        folders of this machine that it sees, by their paths in its file system. `groups` are the
        control groups in which its processes live: for the machine they are the root.
        """
        self.folder = folder
        self.ip = ip
        self.name = name or "ip-" + ip.replace(".", "-")  # as AWS makes names
        self.console = console
        """The log of what the host's first process says."""
        self.layers = tuple(layers)
        self._gateway = gateway
        self._init = init
        self._variables = dict(variables or {})
        self._shared = dict(shared or {})
        self._groups = tuple(groups)
        self.root = folder / "root"
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make the disk."""
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True)
        processes.run(
            "mount", "-t", "overlay", self.folder.name, str(self.root), "-o",
            f"lowerdir={':'.join(map(str, self.layers))}"
            f",upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}",
        )  # fmt: skip

    def add_user(self, user: str) -> None:
        """Make a home for `user` on the disk, who may do everything."""
        home = self.root / "home" / user
        if not home.exists():
            processes.run("chroot", str(self.root), "useradd", "-m", "-s", "/bin/bash", user)
            (self.root / "etc" / "sudoers.d" / user).write_text(f"{user} ALL=(ALL) NOPASSWD:ALL\n")
        # PAM gives a login 1024 of what its first process may open; vLLM and Ray want more.
        open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        (self.root / "etc" / "security" / "limits.d" / "open-files.conf").write_text(
            f"* - nofile {open_files}\n"
        )

    def boot(self) -> None:
        """Switch the machine on: its first process in new namespaces, its network plugged in."""
        variables = {"HOST_NAME": self.name, "HOST_IP": self.ip, "PATH": _PATH, "LANG": "C.UTF-8"}
        environment = [f"{name}={value}" for name, value in (variables | self._variables).items()]
        mounts = [
            f"mkdir -p {shlex.quote(f'{self.root}{path}')}; "
            f"mount --bind {shlex.quote(str(folder))} {shlex.quote(f'{self.root}{path}')}; "
            for path, folder in self._shared.items()
        ]
        with self.console.open("ab") as console:
            self._process = subprocess.Popen(
                [
                    *_in_groups(self._groups),
                    *("unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork"),
                    *(("--cgroup",) if self._groups else ()),
                    *("--kill-child", "--propagation", "private", *_own_boot_time()),
                    *("sh", "-ec"),
                    # Waits for the network: sshd and SkyPilot look for addresses once.
                    f"read -r go; {''.join(mounts)}cd {shlex.quote(str(self.root))}; {_TURN_ROOT}",
                    *("sh", self._init, *environment),
                ],
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            network.connect_host(self._process.pid, self.ip, self._gateway)
            assert self._process.stdin is not None  # noqa: S101 (told Popen so above)
            with self._process.stdin as stdin:
                stdin.write(b"go\n")
        except OSError:
            self.switch_off()
            raise

    @property
    def is_on(self) -> bool:
        """Tell whether its processes live."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid_namespace(self) -> str | None:
        """Return the pid namespace of its processes (for counting their memory)."""
        if self._process is None:
            return None
        pid = self._process.pid
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/{pid}/ns/pid_for_children")  # noqa: PTH115 (not a path)
        return None

    def run(self, *command: str) -> None:
        """Run a command on the machine; raise OSError with its own message when it fails."""
        first = self._first_process()
        processes.run(
            *("nsenter", "--target", str(first), "--mount", "--pid", "--net", "--uts", "--ipc"),
            *("--cgroup", "--root", "--wd=/"),
            *("env", "-i", f"PATH={_PATH}", *command),
        )

    def _first_process(self) -> int:
        """Return the id of the machine's first process, as this process sees it."""
        if self._process is None or not self.is_on:
            raise OSError(f"{self.name} is off")
        pid = self._process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0])

    def switch_off(self) -> None:
        """End all its processes at once; the disk stays."""
        if self._process is not None:
            self._process.kill()  # its first process goes with it (--kill-child), and so do all
            self._process.wait()

    def destroy(self) -> None:
        """Switch the machine off and take its disk away."""
        self.switch_off()
        with contextlib.suppress(OSError):
            # Lazily: its last processes may hold the file system for a moment longer.
            processes.run("umount", "--lazy", str(self.root))
        shutil.rmtree(self.folder, ignore_errors=True)


def _own_boot_time() -> tuple[str, ...]:
    """Return options of unshare that let the machine's clock of uptime begin now.

    SkyPilot tells one boot of a machine from another by it: an autostop that was set before the
    machine was stopped must not stop it again (sky.skylet.autostop_lib.get_is_autostopping).
    """
    if not pathlib.Path("/proc/self/ns/time").exists():
        return ()  # Linux before 5.6
    return ("--time", "--boottime", f"-{int(time.clock_gettime(time.CLOCK_BOOTTIME))}")


def _in_groups(groups: Sequence[pathlib.Path]) -> tuple[str, ...]:
    """Return the words before a command that run it in these control groups."""
    if not groups:
        return ()
    join = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
    return ("sh", "-ec", join, "sh", *map(str, groups), "--")
