"""The messages of etcd's protocol, for `etcd3`, made by today's protobuf.

The modules that etcd3 0.12 ships were generated in 2019 and run with protobuf's pure-Python implementation only: 0.1 s
of CPU to import, and slow at every message. What they describe is in them as a serialized `FileDescriptorProto`
(google/protobuf/descriptor.proto); modules made from that, in the form that protoc generates now, run with any.
"""

import ast
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

PACKAGE = "etcd3.etcdrpc"
MODULES = ("kv_pb2", "auth_pb2", "rpc_pb2")  # in the order in which they need each other

_DESCRIPTION = re.compile(r"serialized_pb=_b\(('.*')\)$", re.MULTILINE)


def prepare_messages() -> None:
    """Put the modules where `import etcd3` finds them. Raises ImportError for an etcd3 of another form."""
    for name in MODULES:
        if f"{PACKAGE}.{name}" not in sys.modules:
            sys.modules[f"{PACKAGE}.{name}"] = _module(name)


def description(name: str) -> bytes:
    """The serialized FileDescriptorProto in one of etcd3's modules; raises ImportError where there is none."""
    spec = find_spec("etcd3")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise ImportError("the package etcd3 is not installed")
    path = Path(places[0]) / "etcdrpc" / f"{name}.py"
    found = _DESCRIPTION.search(path.read_text(encoding="utf-8"))
    if not found:
        raise ImportError(f"{path} has no descriptor of the form that etcd3 0.12 ships")
    text: str = ast.literal_eval(found[1])
    return text.encode("latin-1")


def _module(name: str) -> ModuleType:
    from google.protobuf import descriptor_pool
    from google.protobuf.internal import builder

    module = ModuleType(f"{PACKAGE}.{name}")
    file = descriptor_pool.Default().AddSerializedFile(description(name))
    module.__dict__["DESCRIPTOR"] = file
    builder.BuildMessageAndEnumDescriptors(file, module.__dict__)
    builder.BuildTopDescriptorsAndMessages(file, module.__name__, module.__dict__)
    return module
