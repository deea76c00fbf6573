"""The coordinator as a program on a cluster: settings, adapters, serve. Its composition root."""

import logging
import os
import signal
import sys
import threading

from coordinator.allowed_namespaces import all_namespaces
from coordinator.authority import trust_given_authority
from coordinator.github import GitHub
from coordinator.github_oauth import GitHubOAuth
from coordinator.kube import KubeLauncher
from coordinator.kube_api import KubeApi
from coordinator.kube_secrets import KubeSecrets
from coordinator.service import Service
from coordinator.settings import DEFAULT_NAMESPACES, Settings
from coordinator.settings_reader import read_settings
from coordinator.stores import open_stores
from shared.errors import EXIT_SUCCESS, KontinuousError, StoreError
from shared.s3_objects import S3Objects

BUCKET_PAUSE_S = 2.0

log = logging.getLogger(__name__)


def main() -> int:
    """Read the settings and serve until told to stop; returns the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    trust_given_authority(os.environ)
    try:
        serve(read_settings(os.environ))
    except KontinuousError as error:
        print(f"kontinuous: {error}", file=sys.stderr)
        return error.exit_code
    return EXIT_SUCCESS


def serve(settings: Settings) -> None:
    """Put one coordinator together and run it until SIGTERM or SIGINT."""
    kv, objects = open_stores(settings)
    api = KubeApi()
    launcher = KubeLauncher(all_namespaces(settings.pipeline_namespaces or DEFAULT_NAMESPACES), api)
    github = GitHub(settings.github_url)
    service = Service(
        settings, kv, objects, launcher, github,
        forge=github, secrets=KubeSecrets(api), oauth=_oauth(settings),
    )  # fmt: skip
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    server = threading.Thread(target=service.run, name="server")
    server.start()
    _make_bucket(objects, stopping)
    log.info("kontinuous serves on port %d", service.port)
    stopping.wait()
    service.stop()
    launcher.close()


def _oauth(settings: Settings) -> GitHubOAuth | None:
    if not settings.github_client_id:
        return None
    return GitHubOAuth(settings.github_url, settings.github_client_id, settings.github_client_secret)


def _make_bucket(objects: S3Objects, stopping: threading.Event) -> None:
    """Make the bucket as soon as S3 answers; until then its log says what is missing."""
    while not stopping.is_set():
        try:
            objects.make_bucket()
            return
        except StoreError as error:
            log.warning("the bucket is not there yet: %s", error)
            stopping.wait(BUCKET_PAUSE_S)


if __name__ == "__main__":
    sys.exit(main())
