"""A build's Secret: our own credentials that its stages need, and the nodes' login at the internal registry. Pure.

One Secret a build. It is mounted in our container alone, and goes when the build has ended.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from coordinator.settings import Settings
from shared import keys
from shared.model import Build

PULL_SECRET = "kubernetes.io/dockerconfigjson"
PULL_KEY = ".dockerconfigjson"
"""Type and key that Kubernetes asks of a Secret in `imagePullSecrets`."""


def credential_files(settings: Settings) -> dict[str, str]:
    """File name → value of the credentials in the stage contract; what is not needed is absent."""
    values = {
        keys.ETCD_USER: settings.stage_etcd_login.user,
        keys.ETCD_PASSWORD: settings.stage_etcd_login.password,
        keys.S3_ACCESS_KEY: settings.s3_access_key,
        keys.S3_SECRET_KEY: settings.s3_secret_key,
        keys.REGISTRY_USER: settings.registry_login.user,
        keys.REGISTRY_PASSWORD: settings.registry_login.password,
        keys.GIT_USER: settings.git_login.user,
        keys.GIT_PASSWORD: settings.git_login.password,
    }
    return {name: value for name, value in values.items() if value}


def secret_manifest(build: Build, settings: Settings, credentials: Mapping[str, str]) -> dict[str, Any]:
    """The whole Secret, with the `credential_files`.

    Its type lets nodes pull with it, where the internal registry wants a login.
    """
    pull = _pull_config(settings)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": PULL_SECRET if pull else "Opaque",
        "immutable": True,
        "metadata": {
            "name": keys.build_secret_name(build.repository, build.number, build.run),
            "namespace": build.pipeline.namespace,
            "labels": {keys.LABEL_MANAGED: keys.MANAGED_BY, keys.LABEL_BUILD: str(build.number)},
            "annotations": {keys.ANNOTATION_BUILD_KEY: keys.build_key(build.repository, build.number)},
        },
        "stringData": {**credentials, **settings.builder_tls, **pull},
    }


def _pull_config(settings: Settings) -> dict[str, str]:
    """The nodes' login at the internal registry, in the form of Docker's config.json."""
    login = settings.registry_login
    if not login.user:
        return {}
    pair = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
    registry = settings.node_registry or settings.internal_registry
    return {PULL_KEY: json.dumps({"auths": {registry: {"auth": pair}}})}
