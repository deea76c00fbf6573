"""What a stage must not import: each of them costs time in every stage."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from local.services import Services
from shared.errors import EXIT_INTERRUPTED
from shared.s3_objects import HARDLY_USED

CLIENTS = {"etcd3", "grpc", "google.protobuf", "minio", "urllib3", "requests", "docker", "kubernetes"}
HEAVY = CLIENTS | {"tenacity", "yaml", "asyncio"}

USE_S3 = """
from pathlib import Path
from shared.s3_objects import S3Objects
url, bucket, access_key, secret_key, file = sys.argv[1:]
store = S3Objects(url, bucket, access_key=access_key, secret_key=secret_key)
store.put("imports/chunk", b"text")
store.put_file("imports/archive", Path(file))
store.delete(["imports/chunk"])
"""
RESOLVE_NAMES = """
import types
from importlib import import_module
from shared.late_imports import LateName
from shared.s3_objects import HARDLY_USED, S3Objects
S3Objects("http://s3:9000", "bucket", access_key="access", secret_key="secret")
libraries = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("minio", "urllib3")]
for late in [value for module in libraries for value in vars(module).values() if isinstance(value, LateName)]:
    assert isinstance(late.real(), (type, types.FunctionType, types.ModuleType)), late.real()
for name, values in HARDLY_USED.items():
    module = import_module(name)
    assert {each: getattr(module, each) for each in values} == values
"""


def loaded_by(code: str, *arguments: str) -> set[str]:
    """The modules that a process has imported once it has run `code`."""
    program = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=True)
    return set(json.loads(done.stdout))


def test_the_runtime_imports_no_client_library() -> None:
    assert HEAVY & loaded_by("import shared.stage, shared.stage_life") == set()


def test_the_adapters_import_their_clients_only_when_they_are_used() -> None:
    assert HEAVY & loaded_by("import shared.etcd_kv, shared.etcd_gateway, shared.s3_objects") == set()


def test_what_a_stage_does_with_s3_imports_only_what_that_takes(services: Services, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("all of it")
    known = services.credentials
    login = (known.s3_access_key, known.s3_secret_key)
    loaded = loaded_by(USE_S3, services.s3_url, "kontinuous", *login, str(tmp_path / "log"))
    assert "minio" in loaded
    assert (set(HARDLY_USED) | {"Crypto", "argon2", "importlib.metadata"}) & loaded == set()


def test_the_names_that_minio_takes_from_what_comes_late_are_all_there() -> None:
    assert set(HARDLY_USED) <= loaded_by(RESOLVE_NAMES)


def test_told_to_stop_in_its_first_moments_a_stage_ends_also_as_a_containers_first_process() -> None:
    program = """
        import os, signal
        from contextlib import contextmanager
        from shared.stage import run_stage

        @contextmanager
        def told():
            os.kill(os.getpid(), signal.SIGTERM)
            yield

        run_stage(lambda run: {}, clone=False, around=told())
    """
    done = subprocess.run([sys.executable, "-c", dedent(program)], capture_output=True, timeout=30)
    assert (done.returncode, done.stderr) == (EXIT_INTERRUPTED, b"")
