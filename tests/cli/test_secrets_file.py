from base64 import b64encode
from pathlib import Path

import pytest

from cli.secrets_file import Secret, read_secrets
from shared.errors import InputError

GOOD = """\
apiVersion: v1
kind: Secret
metadata:
  name: first
  namespace: here
type: Opaque
data:
  a: aGVsbG8=
  b: |
    aGVs
    bG8=
stringData:
  a: wins
---
---
kind: Secret
metadata: {name: second}
"""


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def read(tmp_path: Path, text: str | bytes) -> tuple[Secret, ...]:
    file = tmp_path / "secrets.yml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_secrets(file)


def test_all_documents_are_read_and_string_data_wins(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD) == (
        Secret("first", "here", {"a": encoded("wins"), "b": encoded("hello")}),
        Secret("second", "", {}),
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("kind: Secret\nmetadata:\n", "kind: ConfigMap\nmetadata:\n", 2, "kind must be Secret"),
        ("kind: Secret\nmetadata:\n", "metadata:\n", 1, "kind must be Secret"),
        ("  name: first\n", "", 4, "metadata.name is missing"),
        ("name: first", "name: First", 4, "lower case"),
        ("namespace: here", "namespace: [here]", 5, "metadata.namespace must be a text"),
        ("aGVsbG8=", "hello!", 8, "data.a is not base64"),
        ("a: wins", "a: 123", 13, "stringData.a must be a text; put it in quotes"),
        ("a: wins", "a: wins\n  a: twice", 14, "a is there twice"),
        ("a: wins", "a b: wins", 13, "the key 'a b' may hold only"),
        ("a: wins", "a: 'wins", 14, "this is not YAML"),
        ("a: wins", "? [a]\n  : b", 13, "a key must be a text"),
        ("metadata: {name: second}", "data: {a: b}", 16, "metadata.name is missing"),
        ("---\n---\n", "---\n- list\n---\n", 15, "a Secret document is a map"),
    ],
)
def test_an_error_names_file_and_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert str(caught.value).startswith(f"{tmp_path}/secrets.yml:{line}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "there is no Secret in this file"),
        (b"\xff\xfe\xff", "cannot be read"),
        (b"[" * 5000, "this is not YAML"),
        (b"#" * (1024 * 1024 + 1), "larger than 1024 KiB"),
    ],
)
def test_a_file_that_holds_no_secrets_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, data)


def test_no_error_shows_a_value(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, GOOD.replace("aGVsbG8=", "hunter2!"))
    assert "hunter2" not in str(caught.value)
