"""A report through etcd's JSON gateway, with the very bodies that docs/stage-contract.md gives, as a stage's user."""

import base64
import json
import re
import secrets
from typing import Any

import pytest
import requests

from local.services import Services
from shared.codec import encode
from shared.keys import REPORTS
from shared.stage_contract import StageReport
from shared.status import ReportStatus
from tests.shared.test_stage_contract_doc import DOC

LIMIT_S = 10


def bodies() -> list[tuple[str, str]]:
    """The requests of the document, each as path and body, in their order."""
    section = DOC.partition("**etcd without gRPC.**")[2].partition("\n## ")[0]
    blocks = "\n".join(re.findall(r"```\n(.*?)```", section, re.DOTALL))
    return re.findall(r"^(/v3/\S+)[^{]*(\{.*?\})\s*→", blocks, re.DOTALL | re.MULTILINE)


class Gateway:
    """The requests of the document, filled in and sent."""

    def __init__(self, services: Services) -> None:
        self._url = f"http://{services.kv_address}"
        password = services.credentials.etcd_stage_password
        self.key = f"{REPORTS}local/t/gateway/00000001/test/{secrets.token_hex(4)}"
        answer = self.post(0, "", **{"<etcd-user>": "stage", "<etcd-password>": password})
        self.token = answer.json()["token"]

    def post(self, number: int, token: str, **values: str) -> requests.Response:
        path, body = bodies()[number]
        for name, value in values.items():
            body = body.replace(name, value)
        headers = {"Authorization": token} if token else {}
        return requests.post(self._url + path, json=json.loads(body), headers=headers, timeout=LIMIT_S)

    def send(self, number: int, report: StageReport | None = None, revision: str = "7", key: str = "") -> Any:
        values = {"<key>": encoded((key or self.key).encode()), '"7"': f'"{revision}"'}
        answer = self.post(
            number, self.token, **values, **({"<report>": encoded(encode(report))} if report is not None else {})
        )
        return answer.json() if answer.status_code == 200 else answer.status_code


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def gateway(services: Services) -> Gateway:
    return Gateway(services)


def test_the_document_has_four_requests() -> None:
    assert [path for path, _ in bodies()] == ["/v3/auth/authenticate", "/v3/kv/txn", "/v3/kv/range", "/v3/kv/txn"]


def test_an_attempt_is_claimed_once_and_finished_by_who_has_it(gateway: Gateway) -> None:
    first = StageReport(ReportStatus.RUNNING, "me")
    assert gateway.send(1, first)["succeeded"] is True
    refused = gateway.send(1, StageReport(ReportStatus.RUNNING, "another"))
    assert "succeeded" not in refused
    (there,) = refused["responses"][0]["response_range"]["kvs"]
    assert base64.b64decode(there["value"]) == encode(first)
    (read,) = gateway.send(2)["kvs"]
    assert (read["value"], read["mod_revision"]) == (there["value"], there["mod_revision"])
    last = StageReport(ReportStatus.SUCCESS, "me")
    assert "succeeded" not in gateway.send(3, last, revision="1")
    assert gateway.send(3, last, revision=read["mod_revision"])["succeeded"] is True


def test_a_wrong_password_and_a_key_of_somebody_elses_are_refusals(gateway: Gateway) -> None:
    assert gateway.post(0, "", **{"<etcd-user>": "stage", "<etcd-password>": "wrong"}).status_code == 400
    assert gateway.send(1, StageReport(ReportStatus.RUNNING, "me"), key="/kontinuous/state/builds/x") == 403
