"""Every endpoint of the OpenAPI document: what a caller needs for it, and one request that is right.

A new route wants a row here, or `test_endpoints` fails.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.coordinator.api.api_server import PIPELINE_FILE
from tests.coordinator.api.front_door import FrontDoor

FINISHED, RUNNING = 1, 2
"""The builds that there are."""
ARTIFACT = "dist/app.txt"
OTHER = "Acme/other"
"""A repository without a pipeline."""
SIGNATURE_HEADER = "X-Hub-Signature-256"
LOGIN = "/api/v1/login"
PIPELINE = "/api/v1/pipelines/{host}/{owner}/{name}"
BUILD = f"{PIPELINE}/builds/{{number}}"
STAGE = f"{BUILD}/stages/{{stage}}"

Options = Callable[[FrontDoor], Mapping[str, Any]]


class Needs(StrEnum):
    """What a caller needs: nothing, the signature of a webhook, a token of anybody, or a right on the repository."""

    NOTHING = "nothing"
    SIGNATURE = "signature"
    TOKEN = "token"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


def nothing(door: FrontDoor) -> Mapping[str, Any]:
    return {}


def body(value: Any) -> Options:
    return lambda door: {"json": value}


@dataclass(frozen=True)
class Endpoint:
    """What is needed, the status of success, what is sent (as `requests` takes it), and for which build."""

    needs: Needs
    status: int = 200
    options: Options = nothing
    build: int = FINISHED


def new_pipeline(door: FrontDoor) -> Mapping[str, Any]:
    return {"json": {"repository": f"{door.github.host}/{OTHER}"}}


def ping(door: FrontDoor) -> Mapping[str, Any]:
    """A delivery as GitHub signs it."""
    (hook,) = door.shop.hooks.values()
    data = b"{}"
    signature = hmac.new(str(hook["config"]["secret"]).encode(), data, hashlib.sha256).hexdigest()
    return {"data": data, "headers": {"X-GitHub-Event": "ping", SIGNATURE_HEADER: f"sha256={signature}"}}


def code(door: FrontDoor) -> Mapping[str, Any]:
    """What GitHub sends a person back with."""
    return {"json": {"code": door.github.oauth.consent("ann")}}


def allowed_device(door: FrontDoor) -> Mapping[str, Any]:
    """A device whose login a person has allowed."""
    begun = door.server.ask("POST", f"{LOGIN}/device", headers={}).json()
    door.github.oauth.enter(begun["user_code"], "ann")
    return {"json": {"device_code": begun["device_code"]}}


def new_definition(door: FrontDoor) -> Mapping[str, Any]:
    sha = door.shop.blob(".pipeline.yml", "refs/heads/main")
    return {"json": {"content": PIPELINE_FILE.replace("Unit Test", "Tests"), "sha": sha}}


ENDPOINTS = {
    ("GET", "/healthz"): Endpoint(Needs.NOTHING),
    ("GET", "/readyz"): Endpoint(Needs.NOTHING),
    ("GET", "/metrics"): Endpoint(Needs.NOTHING),
    ("GET", LOGIN): Endpoint(Needs.NOTHING),
    ("POST", LOGIN): Endpoint(Needs.NOTHING, options=code),
    ("POST", f"{LOGIN}/device"): Endpoint(Needs.NOTHING),
    ("POST", f"{LOGIN}/device/token"): Endpoint(Needs.NOTHING, options=allowed_device),
    ("POST", "/api/v1/hooks/{host}/{owner}/{name}"): Endpoint(Needs.SIGNATURE, 202, ping),
    ("PUT", "/api/v1/namespaces/{namespace}/secrets/{name}"): Endpoint(Needs.TOKEN, 204, body({"data": {"a": "eA=="}})),
    ("GET", "/api/v1/repos"): Endpoint(Needs.TOKEN),
    ("GET", "/api/v1/user"): Endpoint(Needs.TOKEN),
    ("GET", "/api/v1/pipelines"): Endpoint(Needs.TOKEN),
    ("GET", "/api/v1/stage-types"): Endpoint(Needs.TOKEN),
    ("POST", "/api/v1/pipelines"): Endpoint(Needs.ADMIN, 201, new_pipeline),
    ("GET", PIPELINE): Endpoint(Needs.READ),
    ("DELETE", PIPELINE): Endpoint(Needs.ADMIN, 204),
    ("GET", f"{PIPELINE}/definition"): Endpoint(Needs.READ),
    ("PUT", f"{PIPELINE}/definition"): Endpoint(Needs.WRITE, options=new_definition),
    ("GET", f"{PIPELINE}/builds"): Endpoint(Needs.READ),
    ("POST", f"{PIPELINE}/builds"): Endpoint(Needs.WRITE, 201, body({"ref": "main"})),
    ("GET", BUILD): Endpoint(Needs.READ),
    ("DELETE", BUILD): Endpoint(Needs.ADMIN, 204),
    ("GET", f"{BUILD}/events"): Endpoint(Needs.READ),
    ("POST", f"{BUILD}/cancel"): Endpoint(Needs.WRITE, 202, build=RUNNING),
    ("GET", f"{BUILD}/stages"): Endpoint(Needs.READ),
    ("GET", STAGE): Endpoint(Needs.READ),
    ("POST", f"{STAGE}/resume"): Endpoint(Needs.WRITE, 202),
    ("GET", f"{STAGE}/logs"): Endpoint(Needs.READ),
    ("GET", f"{STAGE}/artifacts"): Endpoint(Needs.READ),
    ("GET", f"{STAGE}/artifacts/{{path}}"): Endpoint(Needs.READ),
}
