import re
from random import Random

from starter.dialogues.generator import dialogue
from starter.domain.numbers import say

NUMBERS = {say(number): number for number in range(-1000, 2000)}
SUM = re.compile(r"(?P<a>.+) (?P<word>plus|minus|times|divided by) (?P<b>.+) is (?P<result>.+)\.")


def sums_of(count):
    random = Random(1)
    for _ in range(count):
        for message in dialogue(random, "all", "sums").messages:
            if message.behaviour.startswith("sum:"):
                match = SUM.fullmatch(message.content)
                assert match, message.content
                parts = {key: value.lower() for key, value in match.groupdict().items()}
                yield parts["word"], *(NUMBERS[parts[key]] for key in ("a", "b", "result"))


def test_sums_are_right():
    found = list(sums_of(500))
    assert len(found) > 500
    for word, a, b, result in found:
        right = {"plus": a + b, "minus": a - b, "times": a * b, "divided by": a / b}[word]
        assert result == right


def test_no_sum_is_larger_than_what_is_known_by_heart():
    for word, a, b, result in sums_of(500):
        if word in ("plus", "minus"):
            assert max(a, b) <= 20
        else:
            assert max(b, result if word == "divided by" else a) <= 12
