"""Rows: joined, cut, prompted, and what of them the decoder is to learn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from starter.recognizer.batches import IGNORED, packed  # noqa: E402
from starter.recognizer.rows import LONGEST, Mixture, Rows, joined  # noqa: E402
from starter.recognizer.utterances import Speech, Utterance, is_for_development  # noqa: E402
from starter.speech.shards import Row, write_shard  # noqa: E402
from tests.starter.recognizer.tiny import (  # noqa: E402
    PHONES,
    TEXTS,
    composer,
    speech_folder,
    tokens,
    utterances,
)

_ALONE = Mixture(
    joined=0, cut_beginnings=0, trimmed_beginnings=0, cut_ends=0, trimmed_ends=0, prompted=0
)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    return utterances(tmp_path_factory.mktemp("speech"))


def test_joined_sentences_are_written_with_spaces_between_them(known: list[Utterance]) -> None:
    row = joined(known[:3], 60, np.random.default_rng(1))
    assert tokens().decode(row.tokens) == " ".join(each.text for each in known[:3])
    assert row.phones == known[0].phones * 3
    assert list(row.centers) == sorted(row.centers)
    assert row.centers[-1] < row.end <= len(row.features)


def test_each_joined_sentence_is_expected_where_it_sounds(known: list[Utterance]) -> None:
    row = joined(known[:2], 60, np.random.default_rng(2))
    loud = np.flatnonzero(row.features.max(1) > -3)
    second = row.centers[len(known[0].tokens)]
    gap = int(np.argmax(np.diff(loud)))  # the longest silence lies between the two
    assert second > loud[gap + 1] - 1
    assert row.centers[len(known[0].tokens) - 1] < loud[gap] + 1


def test_an_untouched_row_is_its_utterance(known: list[Utterance]) -> None:
    rows = Rows(known, _ALONE, np.random.default_rng(1))
    features = {each.features.tobytes(): each for each in known}
    for _ in range(10):
        row = rows.make()
        source = features[np.asarray(row.features).tobytes()]
        assert (row.tokens, row.phones, row.end) == (source.tokens, source.phones, source.end)


def test_every_utterance_comes_once_before_any_comes_again(known: list[Utterance]) -> None:
    rows = Rows(known, _ALONE, np.random.default_rng(1))
    salads = [each for each in known if each.kind == "salad"]
    seen = [rows.make() for _ in range(len(known))]
    texts = [tokens().decode(each.tokens) for each in seen]
    assert texts.count(salads[0].text) >= len(salads)
    assert set(texts) == set(TEXTS)


def test_cut_rows_begin_within_the_first_sounds(known: list[Utterance]) -> None:
    mixture = Mixture(joined=0, cut_beginnings=1, cut_ends=1, trimmed_ends=0)
    row = Rows(known, mixture, np.random.default_rng(1)).make()
    loud = row.features.max(1) > -3
    assert loud[: 3 + 1].any()
    assert loud[-5:].any()
    assert row.end <= len(row.features)


def test_no_row_is_longer_than_the_context(known: list[Utterance]) -> None:
    mixture = Mixture(joined=1, most_joined=60)
    rows = Rows(known, mixture, np.random.default_rng(1))
    made = [rows.make() for _ in range(40)]
    assert max(len(each.features) for each in made) <= LONGEST
    assert max(len(each.features) for each in made) > 1000


def test_what_was_said_before_is_read_but_not_written(known: list[Utterance]) -> None:
    mixture = Mixture(joined=0, prompted=1.0)
    batches = composer(known, mixture, nobody=0.0, time_stamps=0.0)
    batches.token_noise = 0.0
    special = tokens()
    batch = next(batches.batches())
    for read, written in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        start = read.index(special.start)
        assert read[0] == special.previous
        assert start > 1
        assert written[:start] == [IGNORED] * start
        assert written[start] == read[start + 1] == special.no_time_stamps
        text = [each for each in written[start + 1 :] if each != IGNORED]
        assert text[-1] == special.end
        assert special.decode(text) in TEXTS
        assert read[start + 2 : start + 1 + len(text)] == text[:-1]


def test_time_stamps_frame_the_text_where_they_are_asked_for(known: list[Utterance]) -> None:
    batch = next(composer(known, _ALONE, nobody=0.0, time_stamps=1.0, zeros=0.0).batches())
    special = tokens()
    for written in batch.labels.tolist():
        text = [each for each in written if each != IGNORED]
        assert text[0] == special.first_time_stamp
        assert text[-2] > special.first_time_stamp
        assert text[-1] == special.end
    assert batch.vocabulary == special.size


def test_where_nobody_speaks_the_text_is_empty(known: list[Utterance]) -> None:
    batches = composer(known, _ALONE, nobody=1.0, time_stamps=0.0)
    batch = next(batches.batches())
    nobody = batch.labels[batch.sentences :]
    assert len(nobody) > 0
    for written in nobody.tolist():
        text = [each for each in written if each != IGNORED]
        assert text == [tokens().no_speech, tokens().end]
    assert batch.vocabulary == tokens().first_time_stamp


def test_features_are_padded_with_silence_or_zeros(known: list[Utterance]) -> None:
    for zeros in (0.0, 1.0):
        batch = next(composer(known, _ALONE, nobody=0.0, zeros=zeros).batches())
        borders = batch.features[:, :, -1]
        assert batch.features.shape[2] % 2 == 0
        assert bool((borders == 0).all()) is bool(zeros)
        assert bool((borders == borders[:, :1]).all())


def test_packed_rows_keep_to_the_frames_and_none_is_lost(known: list[Utterance]) -> None:
    rows = Rows(known, Mixture(), np.random.default_rng(1))
    made = [rows.make() for _ in range(50)]
    batches = list(packed(made, 900, np.random.default_rng(1)))
    assert sorted(id(row) for batch in batches for row in batch) == sorted(map(id, made))
    for batch in batches:
        longest = max(len(row.features) for row in batch)
        assert len(batch) == 1 or longest * len(batch) <= 900


def test_the_measuring_build_leaves_out_what_it_must_not_know(tmp_path: Path) -> None:
    folder = speech_folder(tmp_path)
    speech = Speech(folder, "measuring", tokens(), PHONES)
    speech.load()
    heard = [*speech.training, *speech.development]
    assert {each.voice for each in heard} == {"flite:slt"}
    assert len(heard) == 40 - 5 - 4, "five rows are of rms, four others held"


def test_a_sentence_of_a_held_out_template_is_left_out_however_its_row_is_marked(
    tmp_path: Path,
) -> None:
    rows = [
        Row(text, ("a",), "flite:slt", 0.6, 80, "grammar", False)
        for text in ("Remove milk from the list.", "Hello.")
    ]
    spectra = [np.full((80, 80), -3, np.float16)] * 2
    write_shard(tmp_path / "train_1_0000", rows, spectra)
    heard = {}
    for build in ("shipped", "measuring"):
        speech = Speech(tmp_path, build, tokens(), PHONES)
        speech.load()
        heard[build] = {each.text for each in [*speech.training, *speech.development]}
    assert heard["measuring"] == {"Hello."}
    assert heard["shipped"] == {"Hello.", "Remove milk from the list."}


def test_shards_that_appear_later_are_taken_in(tmp_path: Path) -> None:
    speech = Speech(tmp_path, "shipped", tokens(), PHONES)
    assert speech.load() == 0
    speech_folder(tmp_path)
    assert speech.load() == len(speech.training) > 0
    assert speech.load() == 0


def test_one_row_in_64_is_kept_for_development() -> None:
    row = Row("Stop.", (), "starter", 1.0, 120, "user")
    kept = sum(is_for_development(replace(row, end=end / 100)) for end in range(6400))
    assert 70 < kept < 130
