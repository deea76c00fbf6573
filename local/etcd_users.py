"""Authentication in a new etcd: three users, of which `stage` may touch nothing but the reports.

Spoken to through etcd's own JSON gateway, which needs no library beyond HTTP.
"""

import base64
from typing import Any

from local.home import Credentials
from shared.errors import InfrastructureError
from shared.keys import REPORTS

ROOT = "root"
COORDINATOR = "coordinator"
STAGE = "stage"
EVERYTHING = "/kontinuous/"
CALL_S = 5


def ready_with_users(port: int, credentials: Credentials) -> bool:
    """Say whether etcd on 127.0.0.1:`port` answers, with authentication on; a new one gets its users at once.

    Raises InfrastructureError when it does not take the passwords that we have.
    """
    from requests import RequestException

    try:
        problem = _authenticate(port, COORDINATOR, credentials.etcd_coordinator_password)
        if "authentication is not enabled" in problem:
            _set_up(port, credentials)
            return True
    except RequestException:
        return False
    if "authentication failed" in problem:
        raise InfrastructureError(
            "etcd refuses our password: its data is from another time than credentials.json; delete both"
        )
    return not problem


def _authenticate(port: int, user: str, password: str) -> str:
    return _call(port, "authenticate", {"name": user, "password": password})


def _call(port: int, method: str, body: dict[str, Any]) -> str:
    """Make one call; returns "" or the text of etcd's refusal."""
    import requests

    answer = requests.post(f"http://127.0.0.1:{port}/v3/auth/{method}", json=body, timeout=CALL_S)
    return "" if answer.ok else answer.text


def _set_up(port: int, credentials: Credentials) -> None:
    """Make the users and turn authentication on; may be repeated after an interruption."""
    _must(port, "user/add", {"name": ROOT, "password": credentials.etcd_root_password})
    _must(port, "user/grant", {"user": ROOT, "role": ROOT})
    _add_user(port, COORDINATOR, credentials.etcd_coordinator_password, EVERYTHING)
    _add_user(port, STAGE, credentials.etcd_stage_password, REPORTS)
    _must(port, "enable", {})


def _add_user(port: int, name: str, password: str, prefix: str) -> None:
    """Add a user with a role of the same name, which may read and write the keys below `prefix`."""
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    permission = {"permType": "READWRITE", "key": _base64(prefix), "range_end": _base64(end)}
    _must(port, "user/add", {"name": name, "password": password})
    _must(port, "role/add", {"name": name})
    _must(port, "role/grant", {"name": name, "perm": permission})
    _must(port, "user/grant", {"user": name, "role": name})


def _must(port: int, method: str, body: dict[str, Any]) -> None:
    problem = _call(port, method, body)
    if problem and "already exists" not in problem:
        raise InfrastructureError(f"etcd refuses {method}: {problem}")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
