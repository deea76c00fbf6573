"""A user's process gets no credential of ours, and every store of ours refuses it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.engine import Engine
from local.home import open_home
from local.services import start_external_registry
from tests.e2e.journey import Kontinuous, python, repository

SEARCH = """
    import json, os, stat
    def files(top):
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if stat.S_ISREG(os.lstat(path).st_mode) and os.path.getsize(path) < 1 << 22:
                    yield path
    tops = ["/kontinuous", "/workspace", "/tmp", "/run", "/etc", "/home", "/root", "/var/run", "/.secret"]
    found = {path: open(path, "rb").read().decode("latin-1") for top in tops for path in files(top)}
    for name in os.listdir("/proc"):
        if name.isdigit():
            for part in ("environ", "cmdline"):
                try:
                    found[f"/proc/{name}/{part}"] = open(f"/proc/{name}/{part}", "rb").read().decode("latin-1")
                except OSError:
                    pass
    json.dump(found, open("found.json", "w"))
    print("sockets", [p for p in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(p)])
"""

ATTACK = """
    import base64, http.client, json, os
    def ask(host, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(300).decode("latin-1")
    key, value = (base64.b64encode(text).decode() for text in (b"/kontinuous/reports/x", b"SUCCESS"))
    put = json.dumps({"key": key, "value": value})
    print("ETCD", json.dumps(ask("etcd:2379", "POST", "/v3/kv/put", put)))
    print("ETCD_READ", json.dumps(ask("etcd:2379", "POST", "/v3/kv/range", json.dumps({"key": key}))))
    print("S3", json.dumps(ask("minio:9000", "PUT", "/kontinuous/log", b"forged")))
    print("S3_READ", json.dumps(ask("minio:9000", "GET", "/kontinuous?list-type=2")))
    print("REGISTRY", json.dumps(ask("internal-registry:5000", "POST", "/v2/local/x/y/blobs/uploads/")))
    print("EXTERNAL", json.dumps(ask("external-registry:5000", "POST", "/v2/examples/hello/blobs/uploads/")))
    print("GIT", json.dumps(ask("git:8080", "GET", "/" + os.environ["KONTINUOUS_PIPELINE"].split("/", 1)[1]
                                + ".git/info/refs?service=git-upload-pack")))
"""


@pytest.fixture
def external_registry(served: Kontinuous, engine: Engine) -> Iterator[None]:
    """The second registry runs."""
    registry = start_external_registry(engine, open_home(served.environment), print)
    yield
    registry.stop()


def test_no_credential_of_ours_is_in_the_users_variables_files_or_processes(served: Kontinuous, tmp_path: Path) -> None:
    stage = python("Search", SEARCH, artifacts=["found.json"])
    done = served.run(repository(tmp_path / "search", stage))
    assert done.exit_code == 0, done.screen
    assert b"sockets []" in served.log(done.build, "Search")
    [kept] = [path for path in (served.home / "data/minio").rglob("artifacts/found.json") if "/search/" in str(path)]
    found = json.loads(kept.read_text())
    assert "/workspace/.git/config" in found
    assert any(path.endswith("/environ") for path in found)
    made = json.loads((served.home / "credentials.json").read_text())
    ours = {name: value for name, value in made.items() if not name.endswith("_user")}
    ours["token"] = served.service()["token"]
    assert [(path, name) for path, text in found.items() for name, value in ours.items() if value in text] == []
    assert [path for path, text in found.items() if "KONTINUOUS_CONTEXT" in text] == []


@pytest.mark.usefixtures("external_registry")
def test_every_store_of_ours_refuses_the_users_process(served: Kontinuous, tmp_path: Path) -> None:
    done = served.run(repository(tmp_path / "attack", python("Attack", ATTACK)))
    assert done.exit_code == 0, served.log(done.build, "Attack").decode()
    lines = served.log(done.build, "Attack").decode().splitlines()
    answers = {word: json.loads(rest) for word, _, rest in (line.partition(" ") for line in lines) if word.isupper()}
    refused = {name: status for name, (status, _) in answers.items() if status in (400, 401, 403)}
    assert refused.keys() == answers.keys()
    assert [refused[name] for name in ("REGISTRY", "EXTERNAL", "GIT")] == [401, 401, 401]
    assert all("user name is empty" in answers[name][1] for name in ("ETCD", "ETCD_READ")), answers
    assert not (served.home / "data/minio/kontinuous/log").exists()
