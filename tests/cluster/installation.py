"""kontinuous on the test cluster, installed with the shipped manifests, and what it talks to outside: the stand-in for
GitHub, and a registry that stands for an external one.

The images are those of the tree as it is now. What stays is reused: a second call only applies what changed.
"""

import base64
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import bcrypt
import jwt
import requests

from cli.client import Client
from local.base_images import ensure_base
from local.engine import Engine, find_engine
from local.home import open_home
from local.images import ensure_images
from local.recipes import RECIPES
from shared.base64_text import decode_base64
from tests.cluster.cluster import Cluster, KubectlError, given_cluster, own_cluster
from tests.cluster.lifecycle import down, keep, up
from tests.fakes.github import FakeGitHub

OVERLAY = Path(__file__).parent / "overlay"
NAMESPACE = "kontinuous"
BUILDER_NAMESPACE = "kontinuous-builder"
BUILDS_NAMESPACE = "kontinuous-builds"
TEAM_NAMESPACE = "team-a"
"""A second namespace of pipelines, made of the base that deploy/ has for more of them."""
WAITING_LIMIT_S = 20
OUTSIDE = "outside"
REGISTRY = f"external-registry.{OUTSIDE}.svc:5000"
REGISTRY_LOGIN = ("publisher", "external-registry-password")
USER = "ada"
PORT = 3005
IMAGES = ("etcd", "s3", "registry", "builder", "coordinator", "command", "docker_build", "docker_publish")
READY_S = 240
ENGINE_API = "1.41"


@dataclass
class Installation:
    """A kontinuous that is up on a cluster, with a user `ada` at the stand-in, who may do everything there."""

    cluster: Cluster
    github: FakeGitHub
    token: str
    images: Mapping[str, str]
    base_image: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """The API, as this machine reaches it."""
        return f"http://{_address(self.cluster, NAMESPACE, 'kontinuous')}:{PORT}"

    def jwt(self, access_token: str = "") -> str:
        """A token of the API, made as README describes, for the user or for another access token."""
        payload = {"identities": [{"access_token": access_token or self.token}]}
        return jwt.encode(payload, decode_base64(self.secrets["AuthSecret"]), algorithm="HS256")

    def client(self, access_token: str = "") -> Client:
        """A client of the API."""
        return Client(self.url, self.jwt(access_token))

    def environment(self) -> dict[str, str]:
        """What makes the command line speak to this kontinuous."""
        return {"KONTINUOUS_URL": self.url, "KONTINUOUS_TOKEN": self.jwt()}

    def add_repository(self, owner: str, name: str, files: dict[str, str]) -> str:
        """A repository at the stand-in, of which the user is admin; returns its name, host and all."""
        self.github.add_repository(f"{owner}/{name}", files, **{USER: "admin"})
        return f"{self.github.host}/{owner}/{name}"

    def coordinators(self) -> list[dict[str, Any]]:
        """The coordinator's pods that are ready."""
        selector = "kontinuous.io/component=coordinator"
        found = self.cluster.kubectl("get", "pods", "-n", NAMESPACE, "-l", selector, "-o", "json")
        return [pod for pod in json.loads(found)["items"] if _is_ready(pod)]

    def coordinator_memory_mib(self) -> dict[str, float]:
        """The resident memory of each coordinator, as it says itself."""
        found = {}
        for pod in self.coordinators():
            text = requests.get(f"http://{pod['status']['podIP']}:{PORT}/metrics", timeout=10).text
            line = next(line for line in text.splitlines() if line.startswith("process_resident_memory_bytes"))
            found[pod["metadata"]["name"]] = float(line.split()[1]) / 2**20
        return found


@contextmanager
def installed(**settings: str) -> Iterator[Installation]:
    """The same outside of pytest, with further settings: cluster, engine and all; what was brought up is taken down."""
    home = open_home()
    with ExitStack() as stack:
        cluster = given_cluster(os.environ)
        if cluster is None:
            if up(home.cache, print) and not keep(os.environ):
                stack.callback(down)
            cluster = own_cluster()
        engine = find_engine(home.engine_root, print)
        stack.callback(engine.stop)
        yield stack.enter_context(install(cluster, engine, home.cache, **settings))


@contextmanager
def install(cluster: Cluster, engine: Engine, cache: Path, **settings: str) -> Iterator[Installation]:
    """Install it with these settings, and the images that `engine` has or gets."""
    base, images = load_images(cluster, engine, cache)
    with tempfile.TemporaryDirectory() as folder:
        github = FakeGitHub(Path(folder), host=cluster.host_address)
        token = github.add_user(USER)
        apply(cluster, images, github.url, **settings)
        _outside(cluster, images["registry"])
        _wait_until_ready(cluster)
        secrets = json.loads(_secret(cluster, NAMESPACE, "kontinuous-secrets")["kontinuous-secrets"])
        _give_base_image(cluster, engine, base)
        try:
            yield Installation(cluster, github, token, images, base, secrets)
        finally:
            github.close()


def load_images(cluster: Cluster, engine: Engine, cache: Path) -> tuple[str, Mapping[str, str]]:
    """Build all images that a cluster needs, and have them on its node; the base image's reference comes first."""
    base = ensure_base(engine, cache, print)
    made = ensure_images(engine, cache, print, IMAGES)
    for reference in (base, *(made[name] for name in IMAGES)):
        cluster.load(reference, engine)
    return base, made


def apply(cluster: Cluster, images: Mapping[str, str], github_url: str, **settings: str) -> None:
    """Apply the overlay with these images, the stand-in's address, and further settings."""
    values = {
        "GITHUB_URL": github_url,
        "PIPELINE_NAMESPACES": json.dumps({"*": [BUILDS_NAMESPACE, TEAM_NAMESPACE]}),
        "WAITING_LIMIT_SECONDS": str(WAITING_LIMIT_S),
        "NOTIFICATION_HOSTS": str(urlsplit(github_url).hostname),
        "STAGE_IMAGES": json.dumps({kind: images[kind] for kind in ("command", "docker_build", "docker_publish")}),
        **settings,
    }
    registries = [f"internal-registry.{NAMESPACE}.svc:5000", REGISTRY]
    daemon = {"insecure-registries": registries, "log-level": "warn"}
    patches = [
        _patch("ConfigMap", "kontinuous", NAMESPACE, values),
        _patch("ConfigMap", "builder", BUILDER_NAMESPACE, {"daemon.json": json.dumps(daemon)}),
    ]
    with tempfile.TemporaryDirectory(dir=OVERLAY.parent) as folder:
        kustomization = {
            "resources": ["../overlay"],
            "images": [_image(name, images[name]) for name in IMAGES if name in RECIPES],
            "patches": [{"patch": json.dumps(patch)} for patch in patches],
        }
        (Path(folder) / "kustomization.yaml").write_text(json.dumps(kustomization))
        team = Path(folder) / "team"
        team.mkdir()
        base = {"namespace": TEAM_NAMESPACE, "resources": ["../../../../deploy/pipeline-namespace"]}
        (team / "kustomization.yaml").write_text(json.dumps(base))
        cluster.kubectl("delete", "job", "kontinuous-setup", "-n", NAMESPACE, "--ignore-not-found")
        cluster.kubectl("apply", "-k", folder)
        cluster.kubectl("apply", "-k", str(team))
    # A ConfigMap that changes restarts nobody by itself.
    for kind, name, namespace, settings_of_it in (
        ("deployment", "kontinuous", NAMESPACE, values),
        ("statefulset", "builder", BUILDER_NAMESPACE, daemon),  # which loses its images when it restarts
    ):
        mark = {"kontinuous.io/settings": json.dumps(settings_of_it)}
        patch = {"spec": {"template": {"metadata": {"annotations": mark}}}}
        cluster.kubectl("patch", kind, name, "-n", namespace, "-p", json.dumps(patch))


def _patch(kind: str, name: str, namespace: str, data: Mapping[str, str]) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, "data": dict(data)}


def _image(name: str, reference: str) -> dict[str, str]:
    repository, _, tag = reference.rpartition(":")
    return {"name": f"kontinuous/{name}", "newName": repository, "newTag": tag}


def _wait_until_ready(cluster: Cluster) -> None:
    for namespace, kind, name in (
        (NAMESPACE, "statefulset", "etcd"),
        (NAMESPACE, "statefulset", "minio"),
        (NAMESPACE, "statefulset", "internal-registry"),
        (BUILDER_NAMESPACE, "statefulset", "builder"),
        (NAMESPACE, "deployment", "kontinuous"),
        (OUTSIDE, "deployment", "external-registry"),
    ):
        try:
            words = ("rollout", "status", f"{kind}/{name}", "-n", namespace, f"--timeout={READY_S}s")
            cluster.kubectl(*words, limit_s=READY_S + 20)
        except KubectlError as error:
            raise AssertionError(f"{name} is not ready: {error}\n{_told(cluster, namespace)}") from error


def _told(cluster: Cluster, namespace: str) -> str:
    """What the pods of a namespace are at, and their last words."""
    pods = cluster.kubectl("get", "pods,jobs", "-n", namespace, "-o", "wide")
    events = cluster.kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp")
    selector = ("-l", "app.kubernetes.io/part-of=kontinuous")
    words = cluster.kubectl("logs", "-n", namespace, *selector, "--tail=20", "--prefix", "--ignore-errors")
    return "\n".join([pods, *events.splitlines()[-20:], words])


def _secret(cluster: Cluster, namespace: str, name: str) -> dict[str, str]:
    found = json.loads(cluster.kubectl("get", "secret", name, "-n", namespace, "-o", "json"))
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def _outside(cluster: Cluster, image: str) -> None:
    """A registry with a password in a namespace of its own."""
    hashed = bcrypt.hashpw(REGISTRY_LOGIN[1].encode(), bcrypt.gensalt(4)).decode()
    labels = {"app": "external-registry"}
    container = {
        "name": "registry",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": "REGISTRY_AUTH", "value": "htpasswd"},
            {"name": "REGISTRY_AUTH_HTPASSWD_REALM", "value": "external"},
            {"name": "REGISTRY_AUTH_HTPASSWD_PATH", "value": "/config/htpasswd"},
        ],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "config", "mountPath": "/config"}],
    }
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "config", "secret": {"secretName": "htpasswd"}}]
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": volumes}}
    meta = {"namespace": OUTSIDE}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OUTSIDE}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "external-registry", **meta},
            "spec": {"selector": {"matchLabels": labels}, "template": pod},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "external-registry", **meta},
            "spec": {"selector": labels, "ports": [{"port": 5000}]},
        },
    ]
    if "htpasswd" not in cluster.kubectl("get", "secrets", "-n", OUTSIDE, "-o", "name", "--ignore-not-found"):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "htpasswd", **meta}}
        objects.append({**secret, "stringData": {"htpasswd": f"{REGISTRY_LOGIN[0]}:{hashed}\n"}})
    cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def _give_base_image(cluster: Cluster, engine: Engine, base: str) -> None:
    """Put the base image into the builder, as a registry within reach would: the users' Dockerfiles start from it."""
    from docker import DockerClient
    from docker.tls import TLSConfig

    with tempfile.TemporaryDirectory() as folder, cluster.forwarded(BUILDER_NAMESPACE, "service/builder", 2376) as port:
        for name, text in _secret(cluster, NAMESPACE, "builder-client").items():
            (Path(folder) / name).write_text(text)
        pair = (f"{folder}/cert.pem", f"{folder}/key.pem")
        tls = TLSConfig(client_cert=pair, ca_cert=f"{folder}/ca.pem", verify=True)
        builder = DockerClient(base_url=f"tcp://127.0.0.1:{port}", tls=tls, timeout=120, version=ENGINE_API)
        builder.api.trust_env = False  # a REQUESTS_CA_BUNDLE would be believed rather than the builder's own CA
        if not builder.images.list(name=base):
            with engine.client(120) as client:
                builder.images.load(b"".join(client.api.get_image(base)))
        builder.close()


def _address(cluster: Cluster, namespace: str, service: str) -> str:
    return cluster.kubectl("get", "service", service, "-n", namespace, "-o", "jsonpath={.spec.clusterIP}")


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", ())
    going = "deletionTimestamp" in pod["metadata"]
    return not going and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
