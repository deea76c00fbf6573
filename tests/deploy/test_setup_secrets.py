"""The Secrets: made once, kept ever after, and complained of where they do not go together."""

import base64
import json
import logging
from dataclasses import replace

import pytest

from coordinator.setup.builder_secrets import AUTHORITY_SECRET, CLIENT_SECRET, SERVER_SECRET, make_builder_secrets
from coordinator.setup.own_secrets import etcd_logins, login_of, make_own_secrets
from coordinator.setup.passwords import htpasswd_fits
from coordinator.setup.plan import Plan, Service, read_plan, service_of
from coordinator.setup.store_secrets import REGISTRY_SECRET, S3_SECRET, make_store_secrets
from shared.auth_secret import MIN_AUTH_SECRET_BYTES
from shared.errors import InputError
from shared.keys import OWN_SECRET
from tests.fakes.secret_store import FakeSecrets

OURS, BUILDERS = "kontinuous", "kontinuous-builder"
THREE_KEYS = {"AuthSecret": base64.b64encode(b"k" * 32).decode(), "S3AccessKey": "access", "S3SecretKey": 'a,"b"'}
SETTINGS = {
    "KV_ADDRESS": "etcd:2379",
    "S3_URL": "http://minio:9000",
    "INTERNAL_REGISTRY": "internal-registry:5000",
    "BUILDER_ADDRESS": "tcp://builder.kontinuous-builder.svc:2376",
    "POD_NAMESPACE": OURS,
}


@pytest.fixture
def plan() -> Plan:
    return read_plan(SETTINGS)


def make_all(plan: Plan, secrets: FakeSecrets) -> None:
    make_store_secrets(plan, make_own_secrets(plan.namespace, secrets), secrets)
    make_builder_secrets(plan, secrets)


def bare(own: object = THREE_KEYS) -> FakeSecrets:
    """An operator's own `kontinuous-secrets`, and nothing else."""
    return FakeSecrets({(OURS, OWN_SECRET): {OWN_SECRET: json.dumps(own)}})


def test_a_new_cluster_gets_every_secret(plan: Plan) -> None:
    secrets = FakeSecrets()
    make_all(plan, secrets)
    assert set(secrets.contents) == {
        (OURS, OWN_SECRET),
        (OURS, S3_SECRET),
        (OURS, REGISTRY_SECRET),
        (OURS, CLIENT_SECRET),
        (BUILDERS, AUTHORITY_SECRET),
        (BUILDERS, SERVER_SECRET),
    }


def test_two_clusters_share_no_password(plan: Plan) -> None:
    first, second = (make_own_secrets(OURS, FakeSecrets()) for _ in range(2))
    names = [name for name in first if not name.endswith("User")]
    assert len(names) == 7
    assert not [name for name in names if first[name] == second[name]]
    assert len({first[name] for name in names}) == len(names)
    assert len(base64.b64decode(first["AuthSecret"])) >= MIN_AUTH_SECRET_BYTES


def test_a_second_run_changes_nothing(plan: Plan) -> None:
    secrets = FakeSecrets()
    make_all(plan, secrets)
    before = {place: dict(data) for place, data in secrets.contents.items()}
    make_all(plan, secrets)
    assert secrets.contents == before


@pytest.mark.parametrize("lost", [(OURS, S3_SECRET), (OURS, CLIENT_SECRET), (BUILDERS, SERVER_SECRET)])
def test_what_an_interrupted_run_has_not_made_is_completed(plan: Plan, lost: tuple[str, str]) -> None:
    secrets = FakeSecrets()
    make_all(plan, secrets)
    before = {place: dict(data) for place, data in secrets.contents.items()}
    del secrets.contents[lost]
    make_all(plan, secrets)
    assert secrets.contents.keys() == before.keys()
    assert {place for place in before if secrets.contents[place] != before[place]} <= {lost}


def test_of_two_setups_at_once_the_first_one_counts(plan: Plan) -> None:
    class Overtaken(FakeSecrets):
        """Somebody else makes each Secret between our look and our try."""

        def create(self, namespace: str, name: str, data: object) -> bool:
            super().create(namespace, name, theirs.contents[namespace, name])
            return False

    theirs = FakeSecrets()
    make_all(plan, theirs)
    ours = Overtaken()
    make_all(plan, ours)
    assert ours.contents == theirs.contents


def test_the_stores_know_the_logins_of_our_own_secret(plan: Plan) -> None:
    secrets = FakeSecrets()
    own = make_own_secrets(OURS, secrets)
    make_store_secrets(plan, own, secrets)
    pair = f'"{own["S3AccessKey"]},{own["S3SecretKey"]}"'
    assert secrets.contents[OURS, S3_SECRET] == {"RCLONE_AUTH_KEY": pair}
    registry = secrets.contents[OURS, REGISTRY_SECRET]
    assert json.loads(registry["auth"])["htpasswd"]["path"] == "/config/htpasswd"
    assert htpasswd_fits(registry["htpasswd"], own["RegistryUser"], own["RegistryPassword"])
    assert not htpasswd_fits(registry["htpasswd"], own["RegistryUser"], "wrong")


def test_readmes_three_keys_suffice_and_then_nothing_asks_for_a_login(plan: Plan) -> None:
    secrets = bare()
    own = make_own_secrets(OURS, secrets)
    make_all(plan, secrets)
    assert own == THREE_KEYS
    assert etcd_logins(own) is None
    assert secrets.contents[OURS, REGISTRY_SECRET] == {}
    assert secrets.contents[OURS, S3_SECRET] == {"RCLONE_AUTH_KEY": '"access,a,""b"""'}
    make_all(plan, secrets)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (S3_SECRET, {"RCLONE_AUTH_KEY": '"access,other"'}),
        (S3_SECRET, {}),
        (REGISTRY_SECRET, {"auth": "{}", "htpasswd": "kontinuous:x"}),
    ],
)
def test_a_stores_secret_of_another_time_is_named(plan: Plan, name: str, content: dict[str, str]) -> None:
    secrets = bare()
    secrets.contents[OURS, name] = content
    with pytest.raises(InputError, match=f"the Secret {name} does not fit kontinuous-secrets: delete it"):
        make_all(plan, secrets)
    assert secrets.contents[OURS, name] == content


def test_a_registry_that_asks_for_an_old_password_is_named(plan: Plan) -> None:
    secrets = FakeSecrets()
    make_all(plan, secrets)
    own = json.loads(secrets.contents[OURS, OWN_SECRET][OWN_SECRET])
    secrets.contents[OURS, OWN_SECRET] = {OWN_SECRET: json.dumps(own | {"RegistryPassword": "new"})}
    with pytest.raises(InputError, match=REGISTRY_SECRET):
        make_all(plan, secrets)


@pytest.mark.parametrize("name", [(BUILDERS, SERVER_SECRET), (OURS, CLIENT_SECRET)])
def test_a_certificate_of_another_authority_is_named(plan: Plan, name: tuple[str, str]) -> None:
    secrets, others = FakeSecrets(), FakeSecrets()
    make_all(plan, secrets)
    make_all(plan, others)
    secrets.contents[name] = others.contents[name]
    with pytest.raises(InputError, match="/".join(name)):
        make_builder_secrets(plan, secrets)


def test_a_builder_where_we_have_no_rights_is_somebody_elses(plan: Plan, caplog: pytest.LogCaptureFixture) -> None:
    secrets = FakeSecrets({}, BUILDERS)
    with caplog.at_level(logging.WARNING):
        make_builder_secrets(plan, secrets)
    assert secrets.contents == {}
    assert "left to its operator" in caplog.text


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({}, "no key kontinuous-secrets"),
        ({OWN_SECRET: "not JSON"}, "no key kontinuous-secrets with JSON"),
        ({OWN_SECRET: "[]"}, "S3AccessKey, S3SecretKey"),
        ({OWN_SECRET: '{"S3AccessKey": "a"}'}, "S3SecretKey is missing"),
    ],
)
def test_a_bad_secret_of_the_operators_is_described(content: dict[str, str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        make_own_secrets(OURS, FakeSecrets({(OURS, OWN_SECRET): content}))


def test_a_root_password_without_the_users_is_described() -> None:
    with pytest.raises(InputError, match=r"EtcdRootPassword.*StageEtcd"):
        etcd_logins(THREE_KEYS | {"EtcdRootPassword": "x", "EtcdUser": "a", "EtcdPassword": "b"})


def test_the_logins_are_those_of_the_secret() -> None:
    own = make_own_secrets(OURS, FakeSecrets())
    logins = etcd_logins(own)
    assert logins
    assert (logins.coordinator, logins.stage) == (login_of(own, "Etcd"), login_of(own, "StageEtcd"))
    assert logins.coordinator != logins.stage


def test_stores_outside_of_the_cluster_get_no_secrets_of_ours(plan: Plan) -> None:
    secrets = FakeSecrets()
    make_all(replace(plan, s3=None, registry=None, builder=None), secrets)
    assert set(secrets.contents) == {(OURS, OWN_SECRET)}


@pytest.mark.parametrize(
    ("address", "service"),
    [
        ("etcd:2379", Service("etcd", OURS)),
        ("http://minio:9000", Service("minio", OURS)),
        ("tcp://builder.kontinuous-builder.svc:2376", Service("builder", BUILDERS)),
        ("tcp://builder.ci.svc.cluster.local:2376", Service("builder", "ci")),
        ("localhost:5000", None),
        ("127.0.0.1:2379", None),
        ("https://s3.eu-central-1.amazonaws.com", None),
        ("registry.example.com", None),
        ("", None),
    ],
)
def test_an_address_says_whether_it_is_a_service(address: str, service: Service | None) -> None:
    assert service_of(address, OURS) == service


def test_an_engine_at_a_socket_is_no_service() -> None:
    assert read_plan({**SETTINGS, "BUILDER_ADDRESS": "unix:///var/run/docker.sock"}).builder is None


def test_missing_settings_are_named_all_at_once() -> None:
    with pytest.raises(InputError, match="KV_ADDRESS, S3_URL, INTERNAL_REGISTRY, POD_NAMESPACE"):
        read_plan({})
