"""Pushing the images, and the lines for a kustomization that come out of it."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from local.engine import Engine
from local.home import Home
from local.image_push import kustomization, push_images
from local.services import Services
from shared.errors import InfrastructureError


@pytest.fixture
def registry(services: Services) -> str:
    return f"{services.registry}/pushed"


def log_in(folder: Path, registry: str, user: str, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `docker login` leaves behind."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry: {"auth": pair}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


@pytest.mark.parametrize("tag", ["", "1.0"])
def test_images_are_pushed_under_their_hash_or_the_tag_that_is_asked_for(
    engine: Engine, home: Home, images: Mapping[str, str], services: Services, registry: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, tag: str,
) -> None:  # fmt: skip
    login = services.credentials.registry_user, services.credentials.registry_password
    log_in(tmp_path, services.registry, *login, monkeypatch)
    pushed = push_images(engine, home.cache, print, registry, tag, ["registry"])
    wanted = tag or images["registry"].rpartition(":")[2]
    assert pushed == {"registry": f"{registry}/registry:{wanted}"}
    with engine.client() as client:
        auth = {"username": login[0], "password": login[1]}
        assert client.images.get_registry_data(pushed["registry"], auth_config=auth).id.startswith("sha256:")
        client.images.remove(pushed["registry"])


def test_a_registry_that_refuses_is_quoted(
    engine: Engine, home: Home, images: Mapping[str, str], services: Services, registry: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    log_in(tmp_path, services.registry, "kontinuous", "wrong", monkeypatch)
    with pytest.raises(InfrastructureError, match=f"cannot push {registry}/registry:.*(auth|credentials)"):
        push_images(engine, home.cache, print, registry, "", ["registry"])
    with engine.client() as client:
        client.images.remove(f"{registry}/registry:{images['registry'].rpartition(':')[2]}")


def test_the_kustomization_names_each_image_and_the_stages_in_the_setting() -> None:
    references = {"etcd": "r.example.com:5000/ci/etcd:1", "command": "r.example.com:5000/ci/command:1"}
    made = yaml.safe_load(kustomization(references))
    assert made["images"] == [{"name": "kontinuous/etcd", "newName": "r.example.com:5000/ci/etcd", "newTag": "1"}]
    (patch,) = [json.loads(patch["patch"]) for patch in made["patches"]]
    assert json.loads(patch["data"]["STAGE_IMAGES"]) == {"command": "r.example.com:5000/ci/command:1"}
