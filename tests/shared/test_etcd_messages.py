"""etcd's messages, made anew from what etcd3 ships: the same protocol, and the fast implementation."""

import os
import subprocess
import sys

import pytest

from shared.etcd_messages import description

OURS = """
import sys
from shared.etcd_messages import prepare_messages
prepare_messages()
"""
TELL = """
import hashlib
from etcd3 import etcdrpc
from google.protobuf.internal import api_implementation
modules = [sys.modules[f"etcd3.etcdrpc.{name}"] for name in ("kv_pb2", "auth_pb2", "rpc_pb2")]
names = sorted(name for name, made in vars(etcdrpc).items() if isinstance(made, type) and hasattr(made, "DESCRIPTOR"))
put = etcdrpc.PutRequest(key=b"k", value=b"v", lease=7).SerializeToString()
print(api_implementation.Type())
print([hashlib.sha256(module.DESCRIPTOR.serialized_pb).hexdigest() for module in modules])
print(names, put, etcdrpc.RangeRequest.DESCEND, etcdrpc.Compare.CREATE)
"""


def told(program: str, **variables: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_they_are_the_messages_of_etcd3_and_need_no_slow_implementation() -> None:
    made, *ours = told(OURS + TELL)
    slow, *theirs = told("import sys" + TELL, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")
    assert (made, slow) == ("upb", "python")
    assert ours == theirs


def test_an_etcd3_of_another_form_is_named() -> None:
    with pytest.raises(ImportError, match="has no descriptor"):
        description("__init__")
