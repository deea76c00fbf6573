"""What a stage must not import before its clone is under way: each of them costs time in every stage."""

import json
import subprocess
import sys

CLIENTS = {"etcd3", "grpc", "google.protobuf", "minio", "urllib3", "requests", "docker", "kubernetes"}
HEAVY = CLIENTS | {"tenacity", "yaml", "asyncio"}


def test_the_runtime_imports_no_client_library() -> None:
    code = "import json, sys, shared.stage, shared.stage_life; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert HEAVY & set(loaded) == set()


def test_the_adapters_import_their_clients_only_when_they_are_used() -> None:
    adapters = "shared.etcd_kv, shared.etcd_gateway, shared.s3_objects"
    code = f"import json, sys, {adapters}; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert HEAVY & set(loaded) == set()
