"""Images in a node's containerd: the one that holds a pod's namespaces, and those that a Docker engine has."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterable

from local.engine import Engine, engine_errors
from shared.errors import InfrastructureError
from tests.cluster.places import PAUSE_IMAGE, PROGRAMS, Node

LOAD_S = 300
SEEN_S = 20
CHUNK = 1 << 20


def load_pause_image(node: Node) -> None:
    """Put the image of the pods' sandboxes into a node, made here of the one program."""
    _import(node, [_pause_archive()])


def load_image(node: Node, reference: str, engine: Engine) -> None:
    """Copy an image from a Docker engine into a node, under the same name, unless that very image is there.

    Raises InfrastructureError when the engine lacks it or the node does not take it.
    """
    with engine_errors(f"load the image {reference} into the test cluster"), engine.client(LOAD_S) as client:
        image_id = str(client.images.get(reference).id)
        if _has(node, reference, image_id):
            return
        _import(node, client.api.get_image(reference, chunk_size=CHUNK))
    deadline = time.monotonic() + SEEN_S
    # The part of containerd that serves the kubelet learns of an image a moment after it was imported.
    while not _has(node, reference, image_id):
        if time.monotonic() > deadline:
            raise InfrastructureError(f"{node.name} does not show {reference} {SEEN_S} s after it was loaded")
        time.sleep(0.05)


def full_name(reference: str) -> str:
    """An image reference as containerd spells it: with its registry and its tag."""
    first, slash, _ = reference.partition("/")
    if not slash:
        reference = f"docker.io/library/{reference}"
    elif not ("." in first or ":" in first or first == "localhost"):
        reference = f"docker.io/{reference}"
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def _has(node: Node, reference: str, image_id: str) -> bool:
    listed = _ctr(node, ["images", "list"]).splitlines()[1:]
    digests = {line.split()[0]: line.split()[2] for line in listed}
    name = full_name(reference)
    return name in digests and digests.get(image_id) == digests[name]


def _import(node: Node, archive: Iterable[bytes]) -> None:
    command = _ctr_command(node, ["images", "import", "-"])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdin
        try:
            for piece in archive:
                process.stdin.write(piece)
            output = process.communicate(timeout=LOAD_S)[0]
        except (BrokenPipeError, subprocess.TimeoutExpired):
            process.kill()
            output = process.communicate()[0]
    if process.returncode != 0:
        raise InfrastructureError(f"{node.name} does not take the image: {output.decode(errors='replace').strip()}")


def _ctr(node: Node, arguments: list[str]) -> str:
    done = subprocess.run(_ctr_command(node, arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InfrastructureError(f"`ctr {' '.join(arguments)}` on {node.name} failed: {done.stderr.strip()}")
    return done.stdout


def _ctr_command(node: Node, arguments: list[str]) -> list[str]:
    return ["ctr", "--address", str(node.socket), "--namespace", "k8s.io", *arguments]


def _pause_archive() -> bytes:
    """A docker-archive with one layer that holds one program."""
    layer = _tar({"pause": (PROGRAMS / "pause").read_bytes()})
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine := os.uname().machine, machine),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE_IMAGE], "Layers": ["layer.tar"]}]
    documents = {"config.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    return _tar({**documents, "layer.tar": layer})


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
