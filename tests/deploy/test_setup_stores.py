"""The setup with real stores, that run as the manifests start them and know what the setup's Secrets say."""

import base64
import secrets as random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from coordinator.settings import Login
from coordinator.setup import installation
from coordinator.setup.etcd_users import EtcdLogins, PasswordRefused, trouble_with_users
from coordinator.setup.installation import install
from coordinator.setup.own_secrets import OwnSecrets, make_own_secrets
from coordinator.setup.plan import Plan, read_plan
from coordinator.setup.store_secrets import REGISTRY_FOLDER, REGISTRY_SECRET, S3_SECRET, make_store_secrets
from local.containers import Runner, Running, Spec
from local.engine import Engine
from local.services import Services
from shared.errors import InfrastructureError, StoreRefused
from shared.keys import REPORTS, STATE
from shared.s3_objects import S3Objects
from tests.deploy.rendering import Manifests, one, pod_spec
from tests.fakes.secret_store import FakeSecrets
from tests.free_port import free_port

CALL_S = 5


@dataclass(frozen=True)
class Stores:
    """etcd, S3 and a registry that are new, with the Secrets they were started with."""

    plan: Plan
    secrets: FakeSecrets
    own: OwnSecrets
    registry: str

    def etcd(self, method: str, body: dict[str, Any], token: str = "") -> requests.Response:
        headers = {"Authorization": token} if token else {}
        return requests.post(f"http://{self.plan.kv_address}/v3/{method}", json=body, headers=headers, timeout=CALL_S)

    def token(self, user: str, password: str) -> str:
        answer = self.etcd("auth/authenticate", {"name": user, "password": password})
        return str(answer.json().get("token", ""))

    def may_write(self, key: str, token: str) -> bool:
        return self.etcd("kv/put", {"key": base64.b64encode(key.encode()).decode(), "value": "eA=="}, token).ok

    def objects(self, secret_key: str = "") -> S3Objects:
        keys = self.own["S3AccessKey"], secret_key or self.own["S3SecretKey"]
        return S3Objects(self.plan.s3_url, self.plan.s3_bucket, access_key=keys[0], secret_key=keys[1])


@pytest.fixture
def stores(
    engine: Engine, services: Services, images: Mapping[str, str], manifests: Manifests, tmp_path: Path
) -> Iterator[Stores]:
    settings = one(manifests, "ConfigMap", "kontinuous")["data"]
    plan = read_plan({**settings, "POD_NAMESPACE": "kontinuous"})
    secrets = FakeSecrets()
    own = make_own_secrets(plan.namespace, secrets)
    make_store_secrets(plan, own, secrets)
    runner = Runner(engine, f"setup-{random.token_hex(3)}", services.network, tmp_path)
    started: list[Running] = []
    try:
        for spec in specs(manifests, secrets, images, tmp_path):
            started.append(runner.run(spec))
        etcd, s3, registry = (f"127.0.0.1:{running.port}" for running in started)
        here = replace(plan, kv_address=etcd, s3_url=f"http://{s3}", builder=None)
        yield Stores(here, secrets, own, registry)
    finally:
        for running in started:
            running.stop()


def specs(manifests: Manifests, secrets: FakeSecrets, images: Mapping[str, str], folder: Path) -> list[Spec]:
    """The three stores as containers, with the manifests' arguments and the Secrets' values."""
    etcd = pod_spec(one(manifests, "StatefulSet", "etcd"))["containers"][0]
    s3_keys = dict(secrets.contents["kontinuous", S3_SECRET])
    login = secrets.contents["kontinuous", REGISTRY_SECRET]
    (folder / "htpasswd").write_text(login["htpasswd"])
    for name in ("etcd", "s3", "registry"):
        (folder / name).mkdir()
    return [
        Spec("a", "a", images["etcd"], 2379, 2479, tuple(etcd["args"]), mounts={str(folder / "etcd"): "/data"}),
        Spec("b", "b", images["s3"], 9000, 9100, environment=s3_keys, mounts={str(folder / "s3"): "/data"}),
        Spec(
            "c", "c", images["registry"], 5000, 5200,
            environment={"REGISTRY_AUTH": login["auth"]},
            mounts={str(folder / "registry"): "/data", str(folder / "htpasswd"): f"{REGISTRY_FOLDER}/htpasswd:ro"},
        ),
    ]  # fmt: skip


def test_a_new_installation_has_logins_everywhere_and_a_second_run_keeps_them(stores: Stores) -> None:
    install(stores.plan, stores.secrets)
    before = {place: dict(data) for place, data in stores.secrets.contents.items()}
    install(stores.plan, stores.secrets)
    assert stores.secrets.contents == before

    coordinator = stores.token(stores.own["EtcdUser"], stores.own["EtcdPassword"])
    stage = stores.token(stores.own["StageEtcdUser"], stores.own["StageEtcdPassword"])
    written = {(who, key): stores.may_write(key, token) for who, token in (("c", coordinator), ("s", stage), ("", ""))
               for key in (f"{STATE}a", f"{REPORTS}a", "/elsewhere")}  # fmt: skip
    assert {place for place, allowed in written.items() if allowed} == {
        ("c", f"{STATE}a"), ("c", f"{REPORTS}a"), ("s", f"{REPORTS}a"),
    }  # fmt: skip
    assert stores.token("root", stores.own["EtcdRootPassword"])

    stores.objects().put("there", b"x")
    with pytest.raises(StoreRefused):
        stores.objects(secret_key="wrong").put("there", b"y")

    url, login = f"http://{stores.registry}/v2/", (stores.own["RegistryUser"], stores.own["RegistryPassword"])
    assert requests.get(url, auth=login, timeout=CALL_S).status_code == 200
    assert requests.get(url, timeout=CALL_S).status_code == 401


def test_with_readmes_three_keys_etcd_stays_open_and_the_bucket_is_made(stores: Stores) -> None:
    bare = {name: stores.own[name] for name in ("AuthSecret", "S3AccessKey", "S3SecretKey")}
    installation.make_etcd_users(stores.plan, bare)
    installation.make_bucket(stores.plan, bare)
    assert stores.may_write("/kontinuous/state/a", "")
    stores.objects().put("there", b"x")


def test_an_interrupted_setup_of_etcd_is_completed_with_the_passwords_of_now(stores: Stores) -> None:
    logins = EtcdLogins("r" * 32, Login("coordinator", "c" * 32), Login("stage", "s" * 32))
    for user in ("root", "coordinator"):
        assert stores.etcd("auth/user/add", {"name": user, "password": "from an earlier attempt"}).ok
    assert stores.etcd("auth/role/add", {"name": "coordinator"}).ok
    assert trouble_with_users(f"http://{stores.plan.kv_address}", logins) == ""
    assert stores.token("root", "r" * 32)
    assert stores.may_write(f"{STATE}a", stores.token("coordinator", "c" * 32))
    assert not stores.token("coordinator", "from an earlier attempt")


def test_an_etcd_with_other_passwords_is_named_and_left_as_it_is(stores: Stores) -> None:
    url = f"http://{stores.plan.kv_address}"
    assert trouble_with_users(url, EtcdLogins("r", Login("coordinator", "c"), Login("stage", "s"))) == ""
    with pytest.raises(PasswordRefused, match="coordinator"):
        install(stores.plan, stores.secrets)
    assert stores.token("coordinator", "c")


def test_a_store_that_never_answers_is_named() -> None:
    plan = read_plan(
        {
            "KV_ADDRESS": f"127.0.0.1:{free_port()}",
            "S3_URL": f"http://127.0.0.1:{free_port()}",
            "INTERNAL_REGISTRY": "x",
            "POD_NAMESPACE": "kontinuous",
        }
    )
    own = make_own_secrets("kontinuous", FakeSecrets())
    with pytest.raises(InfrastructureError, match=f"etcd at {plan.kv_address} did not answer within 1 s: .*refused"):
        installation.make_etcd_users(plan, own, limit_s=1)
    with pytest.raises(InfrastructureError, match=r"S3 at http.*did not answer within 1 s: .*refused"):
        installation.make_bucket(plan, own, limit_s=1)
