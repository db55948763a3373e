"""Markup: nothing that a server or a file says becomes part of the page."""

from xml.etree import ElementTree

import pytest

from benchmarks.reports.svg import Markup, join, tag

EVIL = "<script>alert('\"&')</script>"


def test_texts_and_attributes_are_escaped():
    made = tag("text", EVIL, title=EVIL, x=1.0)
    assert "<script" not in made
    read = ElementTree.fromstring(made)
    assert read.text == EVIL
    assert read.attrib == {"title": EVIL, "x": "1"}


def test_markup_is_escaped_as_an_attribute_but_not_as_a_child():
    inner = tag("b", "bold")
    assert tag("p", inner, " & more") == "<p><b>bold</b> &amp; more</p>"
    assert tag("p", title=inner) == '<p title="&lt;b&gt;bold&lt;/b&gt;"></p>'


def test_names_and_numbers_of_attributes_are_written_as_svg_wants_them():
    made = tag("line", class_="grid", stroke_width=1.256, x1=3, y1=-0.5, y2=None)
    assert made == '<line class="grid" stroke-width="1.26" x1="3" y1="-0.5"></line>'


@pytest.mark.parametrize("evil", ["\x00", "\x1b[31m", "\ud800", "\ufffe"])
def test_what_no_document_may_hold_is_replaced(evil):
    ElementTree.fromstring(tag("p", evil, title=evil)).text.encode()


def test_children_may_be_nested_and_absent():
    assert join(["a", None, [Markup("<b></b>"), "<"]]) == "a<b></b>&lt;"
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'
