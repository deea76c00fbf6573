"""The options of `kontinuous run`, each in a real build."""

import base64
import json
from pathlib import Path

import yaml

from local.home import open_home
from shared.etcd_kv import EtcdKeyValue
from tests.e2e.journey import Kontinuous, command, docker_build, python, repository, secrets_file
from tests.git_server import commit, git

SAY = "print(open('say.txt').read())"


def test_output_as_json_and_yaml_is_the_build_and_nothing_else(served: Kontinuous, tmp_path: Path) -> None:
    folder = repository(tmp_path / "outputs", command("Nothing", "true"))
    done = served("run", folder, "-o", "json")
    assert (done.exit_code, json.loads(done.stdout)["status"]) == (0, "SUCCESS")
    assert b"==> Nothing (command)" in done.stderr
    done = served("run", folder, "-o", "yaml")
    assert (done.exit_code, yaml.safe_load(done.stdout)["status"]) == (0, "SUCCESS")


def test_ref_builds_that_branch_tag_or_commit_with_its_own_pipeline(served: Kontinuous, tmp_path: Path) -> None:
    folder = repository(tmp_path / "refs", python("First", SAY), files={"say.txt": "on main"})
    first = git(folder, "rev-parse", "HEAD")
    git(folder, "tag", "v1")
    git(folder, "switch", "--quiet", "--create", "side")
    (folder / "say.txt").write_text("on side")
    side = commit(folder, "side")
    git(folder, "switch", "--quiet", "main")
    for ref, sha, branch, text in [("side", side, "side", b"on side\n"), ("v1", first, "v1", b"on main\n")]:
        done = served.run(folder, "--ref", ref)
        assert done.exit_code == 0, done.screen
        assert (done.build["commit"]["sha"], done.build["commit"]["branch"]) == (sha, branch)
        assert text in served.log(done.build, "First")


def test_only_what_is_committed_is_built_unless_dirty(served: Kontinuous, tmp_path: Path) -> None:
    folder = repository(tmp_path / "dirt", python("Say", SAY), files={"say.txt": "committed"})
    (folder / "say.txt").write_text("changed")
    clean = served.run(folder)
    assert "1 uncommitted change is not built" in clean.screen
    assert b"committed\n" in served.log(clean.build, "Say")
    dirty = served.run(folder, "--dirty")
    assert b"changed\n" in served.log(dirty.build, "Say")
    assert git(folder, "status", "--porcelain") == "M say.txt"


def test_stage_runs_alone_in_the_image_of_the_newest_build(served: Kontinuous, tmp_path: Path) -> None:
    dockerfile = "FROM python:3.13-slim\nRUN echo from-the-first-build > /made\n"
    stages = docker_build(), command("Look", "cat", "/made", image=None)
    folder = repository(tmp_path / "stages", *stages, files={"Dockerfile": dockerfile})
    assert served.run(folder).exit_code == 0
    done = served.run(folder, "--stage", "look")
    assert done.exit_code == 0, done.screen
    assert [stage["status"] for stage in done.build["stages"]] == ["SKIPPED", "SUCCESS"]
    assert b"from-the-first-build\n" in served.log(done.build, "Look")


def test_a_secrets_value_reaches_the_command_and_is_masked_wherever_we_keep_it(
    served: Kontinuous, tmp_path: Path
) -> None:
    value = "tr0ub4dor&3-horse"
    program = """
        import base64, os, sys, urllib.parse
        value = os.environ["TOKEN"]
        assert len(value) == 17, "the params got the key instead of the value"
        print("plain", value)
        print("base64", base64.b64encode(b"user:" + value.encode()).decode())
        print("url", urllib.parse.quote(value, safe=""))
        for letter in value:
            sys.stdout.write(letter)
            sys.stdout.flush()
        sys.exit(value)
    """
    stage = python("Use", program, params={"TOKEN": "token"}, secrets=["api-login"])
    folder = repository(tmp_path / "masks", stage)
    secrets = secrets_file(tmp_path / "secrets.yml", api_login={"token": value})
    done = served.run(folder, "--secrets", secrets)
    assert done.exit_code == 1, done.screen
    log = served.log(done.build, "Use")
    assert b"plain ***\n" in log
    assert_nowhere(value, done.stdout, done.stderr, log, served.objects(), everything_in_etcd(served))


def assert_nowhere(value: str, *places: bytes) -> None:
    encoded = [base64.b64encode(b"user:" + value.encode())[8:-4], b"tr0ub4dor%263-horse", value.encode()]
    for place in places:
        assert place
        assert not [form for form in encoded if form in place]


def everything_in_etcd(kontinuous: Kontinuous) -> bytes:
    made = open_home(kontinuous.environment).credentials
    store = EtcdKeyValue(etcd_address(kontinuous), user="coordinator", password=made.etcd_coordinator_password)
    return b"".join(entry.value for entry in store.list("/kontinuous/"))


def etcd_address(kontinuous: Kontinuous) -> str:
    return f"127.0.0.1:{json.loads((kontinuous.home / 'config/etcd.port').read_text())}"
