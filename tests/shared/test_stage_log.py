"""The stage's log in one process: what is shown when, and that both copies are the same."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from shared import log_upload
from shared.errors import InfrastructureError, StoreRefused
from shared.log_upload import LogUploader
from shared.patience import Deadline
from shared.stage_log import StageLog
from tests.fakes.stores import FakeObjects
from tests.waiting import wait_for


class Shown:
    """A log whose stdout is a pipe that the test reads."""

    def __init__(self, spool: Path) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self.log = StageLog(spool, self._write, [b"password", b"pa:ss"])

    def now(self) -> bytes:
        """What came out since the last call."""
        try:
            return os.read(self._read, 65536)
        except BlockingIOError:
            return b""

    def close_reader(self) -> None:
        os.close(self._read)


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(tmp_path / "log")


def test_a_prompt_without_a_line_end_is_shown_at_once(shown: Shown) -> None:
    shown.log.write(b"Your name? ")
    assert shown.now() == b"Your name? "


def test_what_may_become_a_secret_waits_until_it_is_decided(shown: Shown) -> None:
    shown.log.write(b"is: pass")
    assert shown.now() == b"is: "
    shown.log.write(b"port\n")
    assert shown.now() == b"passport\n"


def test_a_note_has_a_line_of_its_own_and_joins_no_halves_of_a_secret(shown: Shown) -> None:
    shown.log.write(b"is: pass")
    shown.log.note("meanwhile, password")
    shown.log.write(b"word\n")
    assert shown.now() == b"is: \nmeanwhile, ***\n***\n"


def test_the_end_gives_out_what_waited(shown: Shown) -> None:
    shown.log.write(b"pass")
    shown.log.close()
    assert shown.now() == b"pass"


def test_a_closed_log_takes_nothing_more(shown: Shown) -> None:
    shown.log.write(b"a")
    shown.log.close()
    shown.log.write(b"b")
    shown.log.note("c")
    assert (shown.now(), shown.log.size, shown.log.path.read_bytes()) == (b"a", 1, b"a")


def test_a_reader_that_goes_away_stops_nothing(shown: Shown) -> None:
    shown.close_reader()
    shown.log.write(b"still kept\n")
    assert shown.log.path.read_bytes() == b"still kept\n"


def test_a_part_of_the_log_is_read_while_it_grows(shown: Shown) -> None:
    shown.log.write(b"0123456789")
    assert (shown.log.read(3, 4), shown.log.read(8, 100), shown.log.read(10, 1)) == (b"3456", b"89", b"")


def test_a_spool_on_a_full_disk_is_the_infrastructures_fault(shown: Shown) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, shown.log._spool)
    with pytest.raises(InfrastructureError, match=r"the log cannot be written to .*No space left"):
        shown.log.write(b"x")
    assert (shown.now(), shown.log.size) == (b"", 0)


class KeepingObjects(FakeObjects):
    """A store whose keys may not delete."""

    def delete(self, keys: Iterable[str]) -> None:
        if list(keys):
            raise StoreRefused("S3 answers AccessDenied")


def test_chunks_that_may_not_be_removed_leave_the_archive_whole(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_upload, "CHUNK_SECONDS", 0.05)
    store = KeepingObjects()
    uploader = LogUploader(shown.log, lambda: store, "p/log/")
    uploader.start()
    shown.log.write(b"a line\n")
    wait_for(lambda: store.list("p/log/chunk-"))
    shown.log.close()
    uploader.finish(Deadline(10))
    assert b"".join(store.read("p/log/archive")) == b"a line\n"
