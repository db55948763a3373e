"""The page: whole, offline, and proof against what servers and files say."""

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from benchmarks.reports.page import page, tiles
from benchmarks.results import Bound, Fault
from tests.benchmarks.reports.runs import failed_turn, ramp, result, run_with, totals, turn

EVIL = "<script>alert('\"&')</script><img src=x>"
VOID = {"meta", "br", "hr"}


class Reader(HTMLParser):
    """Checks that elements are closed in order, and gathers what they are."""

    def __init__(self):
        super().__init__()
        self.open, self.elements, self.attributes, self.texts = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


RUNS = {
    "ramp": ramp(),
    "three turns": run_with([400, 500, 600]),
    "nothing": result(incomplete="the server died"),
    "only failures": result(turns=(failed_turn(),), totals=totals((failed_turn(),))),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_page_is_whole_and_loads_nothing(run):
    text = page(run)
    reader = read(text)
    assert text.startswith("<!doctype html>")
    assert not {"script", "link", "img", "iframe", "image", "use", "object"} & set(reader.elements)
    names = {name for name, _ in reader.attributes}
    assert not {"src", "href", "style", "onload", "onclick"} & names
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg\")", text)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in reader.attributes
    assert "None" not in reader.texts
    assert "nan" not in " ".join(reader.texts).lower().split()


def test_whatever_a_server_says_stays_text():
    evil = turn(500, utterance=EVIL, transcript=EVIL, codec=EVIL, stages_ms={EVIL: 1.0}, error=None)
    broken = failed_turn(utterance=EVIL, error=EVIL, error_code=EVIL)
    run = dataclasses.replace(
        ramp(),
        scenario=EVIL,
        command=EVIL,
        url=EVIL,
        began_at=EVIL,
        versions={EVIL: EVIL},
        settings={EVIL: {EVIL: EVIL}},
        server_flags=(EVIL,),
        notes=(EVIL,),
        turns=(evil, broken, turn(600)),
        totals=totals((evil, broken), errors={EVIL: 1}),
        faults=(Fault(1.0, EVIL, 1, EVIL),),
        bounds=(Bound(EVIL, 1.0, 2.0, broken=True, note=EVIL),),
        limited_by=EVIL,
    )
    reader = read(page(run))
    assert "script" not in reader.elements
    assert "img" not in reader.elements
    assert sum(EVIL in text for text in reader.texts) > 10


def test_a_page_shows_machine_command_versions_and_verdict():
    texts = read(page(ramp())).texts
    shown = " ".join(texts)
    for text in (
        "passed", "parley bench capacity --serve --engines scripted", "parley 0.1.0",
        "a processor, 2 cores, 8 GiB, Linux 6.1, load before the run 0.4", "server.stt_ms",
        "the client was the bottleneck for 2 s", "1 failed turn", "no reply within 60 s",
    ):  # fmt: skip
        assert text in shown, text
    assert "incomplete" in read(page(RUNS["nothing"])).texts
    assert "failed" in read(page(result(passed=False))).texts


def test_percentiles_have_their_interval_or_say_that_there_are_too_few():
    shown = re.findall(r"<small>([^<]*)</small>", page(run_with(range(401, 501))))
    assert "440 to 461" in shown, "of the median of 401 ... 500: ranks 40 and 61"
    assert "490 to 500" in shown, "of p95: ranks 90 and 100"
    single = re.findall(r"<small>([^<]*)</small>", page(run_with([500])))
    assert single[:4] == ["?", "?", "?", "530 to ?"]


def test_bounds_that_broke_are_marked():
    text = page(result(bounds=(Bound("complete", 0, 3, broken=True, note="holes"),), passed=False))
    assert '<span class="badge bad">broken</span>' in text
    assert "holes" in read(text).texts


def test_long_lists_are_cut_and_say_so():
    run = result(faults=tuple(Fault(float(at), "cut", at, f"cut {at}") for at in range(1000)))
    text = page(run)
    assert "1,000 faults, the first 100" in text
    assert text.count("<td>cut</td>") == 100


def test_tiles_leave_out_what_was_not_measured():
    assert [name for name, _, _ in tiles(result())] == ["turns"]
    found = {name: (value, note) for name, value, note in tiles(ramp())}
    assert found["sessions at the knee"] == ("40", "then latency_ratio")
    assert found["first audio, p95"] == ("771 ms", "p50 613 ms, N 105")
    assert found["peak memory"] == ("180 MiB", "server's resident memory")
