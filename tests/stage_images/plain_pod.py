"""The two sides of a `command` stage as plain processes: the same scripts as in the images, without containers."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "stage_images" / "command"


class PlainPod:
    """A hand-over folder that the real prepare.sh has filled, and a user's side to start."""

    def __init__(self, folder: Path, busybox: Path) -> None:
        self.library = folder / "lib"
        self.handoff = folder / "handoff"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.library.mkdir()
        self.handoff.mkdir()
        shutil.copy(busybox, self.library / "busybox")
        for script in ("prepare.sh", "user.sh"):
            shutil.copy(SCRIPTS / script, self.library)

    def prepare(self) -> None:
        """What the stage container's postStart hook does."""
        words = [self.library / "busybox", "sh", self.library / "prepare.sh", self.handoff]
        subprocess.run(words, check=True, env={})

    def start_user(
        self, *command: str | bytes | Path, env: Mapping[str | bytes, str | bytes] | None = None
    ) -> subprocess.Popen[bytes]:
        """What the kubelet does with the user's container."""
        process = subprocess.Popen(
            [self.handoff / "busybox", "sh", self.handoff / "user.sh", *command],
            env={"PATH": os.defpath} if env is None else env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def end(self) -> None:
        """End what is left, as the end of a container's first process does."""
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, 9)
            process.wait()
