"""When a service container is ready to be used."""

from collections.abc import Callable

from coordinator.settings import Login
from coordinator.setup.etcd_users import EtcdLogins, PasswordRefused, trouble_with_users
from local.containers import Running
from local.home import Credentials
from shared.errors import InfrastructureError

CALL_S = 5
# 400 is how rclone answers a request that is not signed at all.
REFUSALS = (400, 401, 403)


def readiness(service: str, running: Running, credentials: Credentials) -> Callable[[], bool]:
    """The question whether a service is ready, to be asked until it is."""
    match service:
        case "etcd":
            return lambda: _etcd_is_ready(running.port, credentials)
        case "minio":
            return lambda: _refuses_strangers(f"http://127.0.0.1:{running.port}/")
        case "internal-registry" | "external-registry":
            return lambda: _refuses_strangers(f"http://127.0.0.1:{running.port}/v2/")
        case "git":
            return lambda: "server started" in running.log_tail()
    raise AssertionError(f"there is no service {service}")


def _etcd_is_ready(port: int, credentials: Credentials) -> bool:
    logins = EtcdLogins(
        credentials.etcd_root_password,
        Login("coordinator", credentials.etcd_coordinator_password),
        Login("stage", credentials.etcd_stage_password),
    )
    try:
        return not trouble_with_users(f"http://127.0.0.1:{port}", logins)
    except PasswordRefused as error:
        raise InfrastructureError(
            f"{error}: its data is from another time than credentials.json; delete both"
        ) from error


def _refuses_strangers(url: str) -> bool:
    """Say whether a server answers a request without credentials, and as one does that wants them."""
    import requests

    try:
        return requests.get(url, timeout=CALL_S).status_code in REFUSALS
    except requests.RequestException:
        return False
