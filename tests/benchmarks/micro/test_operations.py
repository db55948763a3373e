"""Every step of the media path is an operation that works."""

from benchmarks.micro.operations import PATHS, operations


def test_every_step_of_the_media_path_is_there_and_can_be_repeated():
    found = []
    for each in operations():
        each.work()
        each.work()
        found.append(each.name)
        assert each.times > 0
        assert set(each.per_second) <= set(PATHS)
    for part in ("header: parse", "header: pack", "event: encode", "event: decode",
                 "opus 20 ms: encode", "opus 20 ms: decode", "opus 60 ms: encode",
                 "opus 60 ms: decode", "ms of speech", "ms of silence", "resample",
                 "outbox: append", "replay log: append", "replay log: retrieve"):  # fmt: skip
        assert any(part in name for name in found), part
    assert len(set(found)) == len(found)


def test_only_what_happens_once_per_connection_is_a_part_of_no_path():
    outside = [each.name for each in operations() if not each.per_second]
    assert outside == ["replay log: retrieve, each of 250"]
