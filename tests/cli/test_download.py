"""Downloading an artifact: from a service that breaks off, and one whose paths lead elsewhere."""

import io
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli.client import Client
from cli.download import Kept, download
from cli.records import BuildName
from cli.screen import Screen
from shared.errors import InfrastructureError, InputError
from tests.free_port import free_port

DATA = bytes(range(256)) * 1000
BUILD = BuildName("github.com/acme/shop", 1)


class Cutting:
    """Serves DATA from any byte on; breaks each of the connections off after as many bytes as `cuts` says."""

    def __init__(self) -> None:
        self.cuts: list[int] = []
        self.ranges: list[str] = []
        self.knows_ranges = True
        cutting = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range", "")
                cutting.ranges.append(wanted)
                match = re.fullmatch(r"bytes=(\d+)-", wanted) if cutting.knows_ranges else None
                data = DATA[int(match[1]) :] if match else DATA
                self.send_response(206 if match else 200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: cutting.cuts.pop(0) if cutting.cuts else len(data)])

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.client = Client(f"http://127.0.0.1:{self._server.server_port}", "")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def cutting() -> Iterator[Cutting]:
    cutting = Cutting()
    yield cutting
    cutting.close()


def fetch(cutting: Cutting, folder: Path, path: str = "dist/app", size: int = len(DATA), attempt: int = 1) -> Path:
    kept = Kept(BUILD, "build", attempt, path, size)
    return download(cutting.client, kept, folder, path, Screen(io.StringIO()))


def test_a_broken_connection_goes_on_where_it_stopped(cutting: Cutting, tmp_path: Path) -> None:
    cutting.cuts = [1000, 5]
    assert fetch(cutting, tmp_path).read_bytes() == DATA
    assert cutting.ranges == ["", "bytes=1000-", "bytes=1005-"]
    assert [path.name for path in (tmp_path / "dist").iterdir()] == ["app"]


def test_what_a_broken_download_left_is_used_by_the_next_of_the_same_file(cutting: Cutting, tmp_path: Path) -> None:
    cutting.cuts, cutting.knows_ranges = [1000], False
    with pytest.raises(InfrastructureError, match="does not send a part"):
        fetch(cutting, tmp_path)
    assert not (tmp_path / "dist/app").exists()
    cutting.knows_ranges, cutting.ranges = True, []
    assert fetch(cutting, tmp_path, attempt=2).read_bytes() == DATA
    assert fetch(cutting, tmp_path).read_bytes() == DATA
    assert cutting.ranges == ["", "bytes=1000-"]


def test_a_size_that_is_not_the_announced_one_is_an_error(cutting: Cutting, tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="instead of"):
        fetch(cutting, tmp_path, size=len(DATA) + 1)
    assert not (tmp_path / "dist/app").exists()


@pytest.mark.parametrize("path", ["../app", "dist/../../app", "/etc/app", "", ".", "..", "dist/\0app", "../stage/app"])
def test_a_path_that_leads_out_is_refused(cutting: Cutting, tmp_path: Path, path: str) -> None:
    inside = tmp_path / "inside"
    with pytest.raises(InputError, match="outside"):
        fetch(cutting, inside, path)
    assert not list(tmp_path.rglob("*app*"))
    assert not cutting.ranges


def test_links_in_the_folder_are_not_followed(cutting: Cutting, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "app").write_text("precious")
    (inside / "dist").symlink_to(outside)
    with pytest.raises(InputError, match="is a link"):
        fetch(cutting, inside)
    (inside / "app").symlink_to(outside / "app")
    assert fetch(cutting, inside, "app").read_bytes() == DATA
    assert (outside / "app").read_text() == "precious"
    assert [path.name for path in outside.iterdir()] == ["app"]


def test_what_stands_in_the_way_is_named(cutting: Cutting, tmp_path: Path) -> None:
    (tmp_path / "dist").write_text("a file")
    with pytest.raises(InputError, match="cannot be made"):
        fetch(cutting, tmp_path)
    (tmp_path / "app").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        fetch(cutting, tmp_path, "app")
