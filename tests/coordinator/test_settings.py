"""The settings: README's variables and Secret, and everything that is wrong with them at once."""

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from coordinator.settings import Login, Settings
from coordinator.settings_reader import completed_host, read_settings
from shared.base64_text import decode_base64
from shared.catalogue import StageType
from shared.errors import InputError

SECRET = bytes(range(200, 248))
README_VARIABLES = {
    "KV_ADDRESS": "etcd:2379",
    "S3_URL": "http://minio:9000",
    "KONTINUOUS_URL": "http://kontinuous:3005",
    "INTERNAL_REGISTRY": "internal-registry:5000",
}
README_SECRET = {
    "AuthSecret": base64.b64encode(SECRET).decode(),
    "S3SecretKey": "s3 secret key",
    "S3AccessKey": "s3 access key",
}
ReadSettings = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path) -> ReadSettings:
    def read(secret: Mapping[str, object] = README_SECRET, **variables: str) -> Settings:
        file = tmp_path / "kontinuous-secrets"
        file.write_text(json.dumps(secret))
        return read_settings({**README_VARIABLES, **variables, "KONTINUOUS_SECRETS_FILE": str(file)})

    return read


def test_readmes_variables_and_secret_alone_suffice(read: ReadSettings) -> None:
    settings = read()
    assert settings.kv_address == "etcd:2379"
    assert settings.s3_url == "http://minio:9000"
    assert settings.kontinuous_url == "http://kontinuous:3005"
    assert settings.internal_registry == "internal-registry:5000"
    assert settings.auth_secret == SECRET
    assert (settings.s3_access_key, settings.s3_secret_key) == ("s3 access key", "s3 secret key")
    assert (settings.port, settings.etcd_login, settings.remove_jobs) == (3005, Login(), False)


def test_all_that_is_missing_or_wrong_is_named_at_once(read: ReadSettings) -> None:
    with pytest.raises(InputError) as error:
        read({"AuthSecret": "?"}, KV_ADDRESS=" ", S3_URL="", KONTINUOUS_PORT="http", STAGE_IMAGES="{")
    text = str(error.value)
    names = ("KV_ADDRESS", "S3_URL", "AuthSecret", "S3SecretKey", "S3AccessKey", "KONTINUOUS_PORT", "STAGE_IMAGES")
    assert [name for name in names if name not in text] == []
    assert "INTERNAL_REGISTRY" not in text


@pytest.mark.parametrize("text", ["", "not json", "[]"])
def test_a_secret_file_that_is_no_object_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets"
    file.write_text(text)
    with pytest.raises(InputError, match=str(file)):
        read_settings({**README_VARIABLES, "KONTINUOUS_SECRETS_FILE": str(file)})


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: cannot be read"):
        read_settings({**README_VARIABLES, "KONTINUOUS_SECRETS_FILE": str(tmp_path / "none")})


def test_a_short_auth_secret_is_refused_with_advice(read: ReadSettings) -> None:
    with pytest.raises(InputError, match="openssl rand"):
        read({**README_SECRET, "AuthSecret": base64.b64encode(b"k" * 31).decode()})


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "³"])
def test_a_number_that_is_none_is_refused(read: ReadSettings, value: str) -> None:
    with pytest.raises(InputError, match="RETENTION_BUILDS"):
        read(RETENTION_BUILDS=value)


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_port_of_ours(read: ReadSettings) -> None:
    assert read(KONTINUOUS_PORT="tcp://10.96.0.7:3005").port == 3005
    assert read(KONTINUOUS_PORT="8080").port == 8080


def test_optional_variables_and_keys_are_read(read: ReadSettings) -> None:
    secret = {**README_SECRET, "StageEtcdUser": "stage", "StageEtcdPassword": "pw", "RegistryUser": "r"}
    settings = read(secret, KONTINUOUS_PORT="3006", BUILDER_ADDRESS="tcp://builder:2376", S3_REGION="eu-1")
    assert (settings.port, settings.docker_host, settings.s3_region) == (3006, "tcp://builder:2376", "eu-1")
    assert settings.stage_etcd_login == Login("stage", "pw")
    assert settings.registry_login == Login("r", "")


def test_where_notifications_may_go_and_for_how_long_they_are_tried(read: ReadSettings) -> None:
    assert (read().notification_hosts, read().notification_limit_s) == ((), 3600)
    settings = read(NOTIFICATION_HOSTS="chat.corp *.example.com", NOTIFICATION_LIMIT_SECONDS="60")
    assert (settings.notification_hosts, settings.notification_limit_s) == (("chat.corp", "*.example.com"), 60)


def test_secrets_to_pull_with_are_named_with_spaces_between(read: ReadSettings) -> None:
    assert read().stage_pull_secrets == ()
    assert read(STAGE_PULL_SECRETS="private  mirror").stage_pull_secrets == ("private", "mirror")


def test_an_oauth_app_has_an_id_and_a_secret(read: ReadSettings) -> None:
    assert (read().github_client_id, read().login_s) == ("", 7 * 24 * 3600)
    settings = read(
        {**README_SECRET, "GitHubClientSecret": "app secret"}, GITHUB_CLIENT_ID="app", LOGIN_SECONDS="60",
        PIPELINE_NAMESPACES='{"github.com/acme/*": ["team-a"]}',
    )  # fmt: skip
    assert (settings.github_client_id, settings.github_client_secret, settings.login_s) == ("app", "app secret", 60)
    assert "app secret" not in repr(settings)
    with pytest.raises(InputError, match="GitHubClientSecret is missing"):
        read(GITHUB_CLIENT_ID="app")


@pytest.mark.parametrize(
    "pattern", ["*", "github.com/*", "github.com/*/*", "github.com/acme*", "github.com/ac?e/*", "*/shop", "g*/shop"]
)
def test_where_all_of_github_may_log_in_only_named_owners_get_namespaces(read: ReadSettings, pattern: str) -> None:
    secrets = {**README_SECRET, "GitHubClientSecret": "app secret"}
    rules = json.dumps({pattern: ["team-a"]})
    with pytest.raises(InputError, match="anybody on GitHub may log in"):
        read(secrets, GITHUB_CLIENT_ID="app", PIPELINE_NAMESPACES=rules)
    for others in ({"GITHUB_CLIENT_ID": ""}, {"GITHUB_CLIENT_ID": "app", "GITHUB_URL": "https://github.acme.com"}):
        assert read(secrets, **others, PIPELINE_NAMESPACES=rules).pipeline_namespaces == {pattern: ("team-a",)}


def test_the_catalogue_replaces_and_adds_to_the_built_in_types(read: ReadSettings) -> None:
    scan = {"image": "example.org/scan:1", "params": {"required": ["level"]}, "description": "Scans."}
    assert read(STAGE_IMAGES=json.dumps({"scan": scan, "command": "mine:2"})).catalogue == {
        "docker_build": StageType("kontinuous/docker_build:latest"),
        "command": StageType("mine:2"),
        "docker_publish": StageType("kontinuous/docker_publish:latest"),
        "scan": StageType("example.org/scan:1", {"required": ["level"]}, "Scans."),
    }


def test_a_schema_may_refer_to_itself(read: ReadSettings) -> None:
    tree = {
        "type": "object",
        "properties": {"child": {"$ref": "#"}, "leaf": {"$ref": "#/$defs/leaf"}},
        "$defs": {"leaf": {}},
    }
    assert read(STAGE_IMAGES=json.dumps({"scan": {"image": "a", "params": tree}})).catalogue["scan"].params == tree


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "STAGE_IMAGES: is not an object"),
        ('"scan"', "STAGE_IMAGES: is not an object"),
        ('{"scan": 1}', "scan: is not an object with an image, or an image"),
        ('{"scan": ""}', "scan: is not an object with an image, or an image"),
        ('{"scan": {}}', "scan: image is missing"),
        ('{"scan": {"image": ""}}', "scan: image is empty"),
        ('{"scan": {"image": "a", "resources": {"limit": {}}}}', "scan: resources.limit: "),
        (
            '{"scan": {"image": "a", "resources": {"limits": {"memory": "lots"}}}}',
            'limits.memory: "lots" must be a quantity',
        ),
        (
            '{"scan": {"image": "a", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}}}',
            "scan: resources.requests: asks for more cpu (2) than the limit allows (1)",
        ),
        (
            '{"scan": {"image": "a", "params": {"properties": {"x": {"$dynamicRef": "http://127.0.0.1:9/x"}}}}}',
            "$dynamicRef 'http://127.0.0.1:9/x' leads elsewhere",
        ),
        (
            '{"scan": {"image": "a", "params": {"properties": {"x": {"$dynamicRef": "#none"}}}}}',
            "no usable JSON Schema",
        ),
        ('{"scan": {"image": "a", "parms": {}}}', "scan: unknown field 'parms'"),
        ('{"scan": {"image": "a", "params": {"type": "objekt"}}}', "scan: params: is no JSON Schema: at type"),
        ('{"scan": {"image": "a", "params": {"$ref": "http://127.0.0.1:9/x"}}}', "leads elsewhere"),
        ('{"scan": {"image": "a", "params": {"properties": {"x": {"$ref": "#/none"}}}}}', "no usable JSON Schema"),
        ('{"scan": {"image": "a", "params": {"$ref": "#"}}}', "no usable JSON Schema"),
        ('{"command": {"image": "a", "params": {"required": ["x"]}}}', "command: a built-in type has the params"),
    ],
)
def test_a_catalogue_that_is_wrong_is_refused_by_name(read: ReadSettings, text: str, problem: str) -> None:
    with pytest.raises(InputError) as error:
        read(STAGE_IMAGES=text)
    assert "STAGE_IMAGES: " in str(error.value)
    assert problem in str(error.value)


def test_no_secret_is_shown_in_the_settings_own_text(read: ReadSettings) -> None:
    text = repr(read({**README_SECRET, "EtcdUser": "root", "EtcdPassword": "etcd password"}))
    assert "etcd password" not in text
    assert "s3 secret key" not in text
    assert repr(SECRET) not in text


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("strip", ["", "="])
@pytest.mark.parametrize("length", [32, 33, 34])
def test_auth_secret_is_base64_in_either_alphabet_padded_or_not(
    encode: Callable[[bytes], bytes], strip: str, length: int
) -> None:
    secret = (b"\xfb\xef\xff" * 12)[:length]
    assert decode_base64(f" {encode(secret).decode().rstrip(strip or None)}\n") == secret


@pytest.mark.parametrize("text", ["a", "???", "ab cd"])
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        decode_base64(text)


@pytest.mark.parametrize(
    ("address", "completed"),
    [
        ("etcd:2379", "etcd.ns-1.svc:2379"),
        ("http://minio:9000", "http://minio.ns-1.svc:9000"),
        ("https://s3.eu-central-1.amazonaws.com", "https://s3.eu-central-1.amazonaws.com"),
        ("10.0.0.1:2379", "10.0.0.1:2379"),
        ("[fd00::1]:2379", "[fd00::1]:2379"),
        ("localhost:2379", "localhost:2379"),
    ],
)
def test_a_host_without_a_dot_is_a_service_of_our_namespace_for_stages_elsewhere(address: str, completed: str) -> None:
    assert completed_host(address, "ns-1") == completed
    assert completed_host(address, "") == address


def test_stages_get_the_completed_addresses(read: ReadSettings) -> None:
    settings = read(POD_NAMESPACE="ci")
    assert (settings.kv_address, settings.stage_kv_address) == ("etcd:2379", "etcd.ci.svc:2379")
    assert settings.stage_s3_url == "http://minio.ci.svc:9000"


def test_without_the_setting_every_repository_has_one_namespace(read: ReadSettings) -> None:
    assert read().pipeline_namespaces == {"*": ("kontinuous-builds",)}
    given = read(PIPELINE_NAMESPACES='{"github.com/acme/*": ["team-a", "team-b"]}')
    assert given.pipeline_namespaces == {"github.com/acme/*": ("team-a", "team-b")}


@pytest.mark.parametrize("text", ["[]", '{"*": []}', '{"*": "team-a"}', '{"*": [1]}'])
def test_namespaces_of_another_shape_are_refused(read: ReadSettings, text: str) -> None:
    with pytest.raises(InputError, match="PIPELINE_NAMESPACES is not an object"):
        read(PIPELINE_NAMESPACES=text)


def test_an_operators_defaults_for_stages_are_read(read: ReadSettings) -> None:
    settings = read(STAGE_RESOURCES='{"limits": {"memory": "1Gi"}}', STAGE_ARTIFACTS="reports/** dist/*.whl")
    assert settings.default_resources == {"limits": {"memory": "1Gi"}}
    assert settings.default_artifacts == ("reports/**", "dist/*.whl")
    with pytest.raises(InputError, match="STAGE_RESOURCES"):
        read(STAGE_RESOURCES='{"memory": "1Gi"}')
    with pytest.raises(InputError, match=r'STAGE_RESOURCES: resources\.limits\.memory: "lots" must be a quantity'):
        read(STAGE_RESOURCES='{"limits": {"memory": "lots"}}')


def test_the_builders_certificates_are_read_whole_or_complained_of(read: ReadSettings, tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    assert read(BUILDER_TLS_FOLDER=str(folder)).builder_tls == {}
    folder.mkdir()
    (folder / "ca.pem").write_text("CA")
    with pytest.raises(InputError, match=r"cert\.pem, key\.pem"):
        read(BUILDER_TLS_FOLDER=str(folder))
    (folder / "cert.pem").write_text("CERT")
    (folder / "key.pem").write_text("KEY")
    settings = read(BUILDER_TLS_FOLDER=str(folder))
    assert settings.builder_tls == {"ca.pem": "CA", "cert.pem": "CERT", "key.pem": "KEY"}
    assert "KEY" not in repr(settings)


@pytest.mark.parametrize("url", ["github.com", "ftp://x", "https://ghe.example.com/api", "https://u:p@ghe.example.com"])
def test_an_address_that_is_no_github_is_refused(read: ReadSettings, url: str) -> None:
    with pytest.raises(InputError, match="GITHUB_URL"):
        read(GITHUB_URL=url)
