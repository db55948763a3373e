from pipeline.engines.token_history import TokenHistory, align


def history(*spans, decoded=None):
    made = TokenHistory()
    for number, span in enumerate(spans):
        made.append(number, span)
    made.decoded = len(spans) if decoded is None else decoded
    return made


def test_whole_tokens_are_matched_against_the_text():
    assert history(b"One", b" two", b" three").match(b"One two thorn") == (2, 7)
    assert history(b"One", b" two").match(b"Two") == (0, 0)


def test_tokens_without_text_are_passed_inside_but_not_at_the_end():
    cached = history(b"<a>", b"", b"", b"Hi", b"")
    assert cached.match(b"<a>Hi<e>") == (5, 5)
    assert cached.match(b"<a>Hi") == (4, 5)
    assert cached.match(b"<a>") == (1, 3)


def test_only_the_common_beginning_stays_decoded():
    cached = history(b"a", b"b", b"c")
    cached.replace([0, 1, 9, 9], [b"a", b"b", b"x", b"y"], kept=2)
    assert (cached.decoded, cached.ids) == (2, [0, 1, 9, 9])


def test_what_was_not_decoded_does_not_become_so():
    cached = history(b"a", b"b", b"c", decoded=1)
    cached.replace([0, 1, 2], [b"a", b"b", b"c"], kept=3)
    assert cached.decoded == 1


def test_white_space_before_a_reply_is_passed():
    cached = history(b"<u>Hi<a>")
    cached.begin_reply()
    cached.append(1, b"Oh")
    assert cached.match(b"<u>Hi<a> Oh<e>") == (2, 11)
    assert cached.match(b"<u>Hi<a>Oh<e>") == (2, 10)
    assert cached.match(b"<u>Hi <a>Oh<e>") == (0, 0)


def test_where_replies_began_is_forgotten_with_their_tokens():
    cached = history(b"<u>")
    cached.begin_reply()
    cached.append(1, b"Oh")
    cached.append(2, b"<u>")
    cached.begin_reply()
    cached.append(3, b"Ah")
    assert cached.replies == {1, 3}
    cached.replace([0, 1, 2, 9], [b"<u>", b"Oh", b"<u>", b"x"], kept=3)
    assert cached.replies == {1}


def test_pieces_that_spell_the_text_are_its_spans():
    assert align("né!".encode(), [b"n\xc3", b"\xa9", b"!"]) == [b"n\xc3", b"\xa9", b"!"]


def test_a_space_that_only_the_piece_has_is_no_part_of_the_text():
    assert align(b"<s>Hi you", [b"<s>", b" Hi", b" you"]) == [b"<s>", b"Hi", b" you"]


def test_a_text_that_a_tokenizer_changed_is_matched_as_a_whole_or_not_at_all():
    spans = align(b"ABC def", [b"abc", b" def"])
    assert spans == [b"ABC def", b""]
    assert history(*spans).match(b"ABC def!") == (2, 7)
    assert history(*spans).match(b"ABC deg") == (0, 0)


def test_no_text_has_no_spans():
    assert align(b"", []) == []
