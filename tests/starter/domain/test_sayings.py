"""The page of what one can say is written from the grammar."""

from starter.domain.sayings import PAGE, categories, page
from starter.domain.templates import TEMPLATES


def test_the_page_is_the_one_that_the_grammar_gives() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "run `python -m starter.domain.sayings`"


def test_every_category_has_a_title_and_examples() -> None:
    shown = categories()
    assert {one.name for one in shown} == {template.category for template in TEMPLATES}
    assert all(one.title and len(one.examples) >= 2 for one in shown)
