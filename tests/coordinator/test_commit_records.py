"""What is known of a commit's statuses, while its builds are removed."""

from coordinator.commit_records import CommitRecords
from coordinator.statuses import CommitRecord
from tests.coordinator.samples import build
from tests.coordinator.world import InterruptedKeyValue


def test_what_is_written_while_a_build_is_forgotten_is_kept() -> None:
    kv, removed, newer = InterruptedKeyValue(), build(number=1), build(number=2)
    records = CommitRecords(kv)
    records.write(records.read(removed), CommitRecord(settled={"1": 5}))

    def settle() -> None:
        held = records.read(newer)
        assert records.write(held, held.record.with_settled("2", 9))

    kv.meanwhile = settle
    records.forget(removed)
    assert records.read(newer).record.settled == {"2": 9}
    records.forget(newer)
    assert records.read(newer).revision == 0
