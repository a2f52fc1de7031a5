"""One emulated machine: an overlay file system, namespaces of its own, sshd."""

import contextlib
import os
import pathlib
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence

from ..system import network, processes

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


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
    ) -> None:
        self.folder = folder
        self.ip = ip
        self.console = console
        """The log of what the host's first process says."""
        self.layers = tuple(layers)
        self._gateway = gateway
        self.root = folder / "root"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """Return its name, made as AWS makes names."""
        return "ip-" + self.ip.replace(".", "-")

    def create(self, user: str) -> None:
        """Make the disk, with a home for `user`."""
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True)
        processes.run(
            "mount", "-t", "overlay", self.folder.name, str(self.root), "-o",
            f"lowerdir={':'.join(map(str, self.layers))}"
            f",upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}",
        )  # fmt: skip
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
        environment = f"HOST_NAME={self.name} HOST_IP={self.ip} PATH={_PATH} LANG=C.UTF-8"
        with self.console.open("ab") as console:
            self._process = subprocess.Popen(
                [
                    *("unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork"),
                    *("--kill-child", "--propagation", "private", *_own_boot_time()),
                    *("sh", "-c"),
                    # Waits for the network: sshd and SkyPilot look for addresses once.
                    f"read -r go; exec chroot {self.root} env -i {environment} /usr/sbin/host-init",
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
