"""The domain is as large as it is said to be."""

from starter.domain.census import census


def test_the_domain_has_fifteen_hundred_words_and_nine_hundred_templates() -> None:
    assert census().words >= 1500
    assert census().templates >= 900
