from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines import TimedText
from pipeline.playout import PlayoutSettings
from pipeline.reply import Reply

RATE = 16_000


def reply(text, *, rate=RATE, voice_rate=RATE):
    made = Reply("r_1", "i_1", "t_1", PlayoutSettings(rate), voice_rate)
    made.text = text
    return made


def timed(text, per_character=100):
    """Word times of a segment, at the voice's rate."""
    at, times = 0, []
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        times.append(TimedText(start, at, start * per_character, at * per_character))
    return times


def spoken(segments, *, words=True):
    made = reply("".join(segments))
    start = pts = 0
    for text in segments:
        made.open_segment(start, start + len(text), pts)
        start, pts = start + len(text), pts + 100 * len(text)
        made.add_audio(pts, timed(text) if words else ())
    return made


def test_with_word_times_a_word_counts_when_all_of_it_was_heard():
    made = spoken(["Good day to you."])
    assert made.heard_text(0) == ""
    assert made.heard_text(399) == ""
    assert made.heard_text(400) == "Good"
    assert made.heard_text(799) == "Good day"[:4]
    assert made.heard_text(800) == "Good day"
    assert made.heard_text(1600) == "Good day to you."


def test_a_cut_in_a_later_segment_keeps_the_earlier_ones_whole():
    made = spoken(["Good day.", " How are you?"])
    assert made.heard_text(900) == "Good day."
    assert made.heard_text(1200) == "Good day."
    assert made.heard_text(900 + 400) == "Good day. How"
    assert made.heard_text(99_999) == "Good day. How are you?"


def test_without_word_times_text_is_cut_in_proportion_at_a_whole_word():
    made = spoken(["Good day to you."], words=False)
    assert made.heard_text(300) == ""
    assert made.heard_text(400) == "Good"
    assert made.heard_text(700) == "Good"
    assert made.heard_text(1500) == "Good day to"
    assert made.heard_text(1600) == "Good day to you."


def test_without_word_times_a_cut_between_segments_is_exact():
    made = spoken(["Good day.", " How are you?"], words=False)
    assert made.heard_text(900) == "Good day."
    assert made.heard_text(1000) == "Good day."
    assert made.heard_text(1300) == "Good day. How"


def test_a_segment_that_is_still_being_spoken_was_not_heard_to_its_end():
    # The voice speaks in pieces, and the device has played all that came so far.
    text = "Good day to you all. And good night."
    made = reply(text)
    made.open_segment(0, len(text), 0)
    first, second = timed(text)[:5], timed(text)[5:]
    made.add_audio(2000, first)
    assert made.heard_text(2000) == "Good day to you all."
    made.add_audio(3600, second)
    assert made.heard_text(2000) == "Good day to you all."
    assert made.heard_text(3600) == text


def test_text_that_makes_no_sound_counts_when_what_follows_it_was_heard():
    made = reply("See: `x = 1` That is it.")
    made.open_segment(0, 4, 0)
    made.add_audio(400, timed("See:"))
    made.open_segment(12, 24, 400)
    made.add_audio(1600, timed(" That is it."))
    assert made.heard_text(400) == "See:"
    assert made.heard_text(450) == "See:"
    assert made.heard_text(900) == "See: `x = 1` That"


def test_word_times_come_at_the_voices_rate_and_pts_at_the_outputs():
    made = reply("Good day.", rate=48_000, voice_rate=22_050)
    made.open_segment(0, 9, 0)
    made.add_audio(48_000, [TimedText(0, 4, 0, 11_025), TimedText(5, 9, 11_025, 22_050)])
    assert made.heard_text(23_999) == ""
    assert made.heard_text(24_000) == "Good"
    assert made.heard_text(48_000) == "Good day."


def test_leading_and_trailing_spaces_are_not_part_of_what_was_heard():
    made = spoken([" Good day. "])
    assert made.heard_text(99_999) == "Good day."
    assert made.heard_text(500) == "Good"


def test_sent_text_counts_as_heard_where_there_is_no_audio():
    made = Reply("r_1", "i_1", "", None, RATE)
    made.text = "Good day."
    assert made.rate == 0
    assert made.heard_text(0) == "Good day."


SEGMENTS = st.lists(st.text("ab .é", min_size=1, max_size=20), min_size=1, max_size=6)


@settings(max_examples=50)
@given(SEGMENTS, st.booleans(), st.integers(0, 13_000), st.integers(0, 2000))
def test_more_played_is_never_less_heard_and_always_a_beginning_of_the_text(
    segments, words, pts, more
):
    made = spoken(segments, words=words)
    earlier, later = made.heard_text(pts), made.heard_text(pts + more)
    text = made.text.strip()
    assert text.startswith(later)
    assert later.startswith(earlier)
    rest = text[len(earlier) :]
    whole_words = {made.text[:at].strip() for at in range(len(made.text) + 1)}
    assert earlier in whole_words
    boundaries = _boundaries(segments)
    assert not earlier or not rest or rest[0].isspace() or len(earlier) in boundaries


def _boundaries(segments):
    """Lengths of stripped text at which a segment ends; segments may meet inside a word here."""
    text, ends, at = "".join(segments), set(), 0
    for segment in segments:
        at += len(segment)
        ends.add(len(text[:at].strip()))
    return ends
