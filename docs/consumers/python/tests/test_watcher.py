import pytest

from driver_events import Observation, Watcher


def attributes(sequence: object, event_id: str = "", run: str = "1") -> dict[str, str]:
    return {"subject": "goal", "producerrun": run, "sequence": str(sequence), "id": event_id}


def test_gaps_duplicates_and_late_events_are_reported() -> None:
    watcher = Watcher()
    events = [(3, "a"), (4, "b"), (4, "b"), (8, "c"), (6, "d"), (9, "e")]
    notes = [str(watcher.observe(attributes(*event))) for event in events]
    assert notes == ["", "", "duplicate", "3 missing before", "late", ""]
    assert not watcher.observe(attributes(1, "f", run="2")), "a new run is not a gap"


def test_observations_are_true_if_there_is_something_to_report() -> None:
    watcher = Watcher()
    assert not watcher.observe(attributes(1))
    assert watcher.observe(attributes(3)) == Observation(missing=1)
    assert watcher.observe(attributes(2)) == Observation(late=True)


def test_only_source_and_id_together_are_unique() -> None:
    watcher = Watcher()
    assert not watcher.observe({"id": "1", "source": "a"})
    assert not watcher.observe({"id": "1", "source": "b"})
    assert watcher.observe({"id": "1", "source": "a"}).duplicate
    assert not watcher.observe({}) and not watcher.observe({})


@pytest.mark.parametrize("sequence", ["", "0", "-1", "+1", "1.0", "٣", "x", "9" * 20, "9" * 5000])
def test_invalid_sequences_are_ignored(sequence: str) -> None:
    watcher = Watcher()
    watcher.observe(attributes(1))
    assert not watcher.observe(attributes(sequence))
    assert not watcher.observe(attributes(9, run=""))
    assert not watcher.observe(attributes(2))


def test_padded_and_largest_sequences_are_numbers() -> None:
    watcher = Watcher()
    watcher.observe(attributes(f"{1:020}"))
    assert watcher.observe(attributes(2**64 - 1)).missing == 2**64 - 3


def test_memory_is_bounded() -> None:
    watcher = Watcher(capacity=2)
    for number in range(1, 4):
        watcher.observe({"id": str(number)})
    assert watcher.observe({"id": "3"}).duplicate
    assert not watcher.observe({"id": "1"}), "the oldest id is forgotten"
    for run in ("a", "b", "c"):
        watcher.observe(attributes(1, run=run))
    assert watcher.observe(attributes(9, run="c")).missing == 7
    assert not watcher.observe(attributes(9, run="a")), "the oldest run is forgotten"
