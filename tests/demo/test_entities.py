"""HTML as the official server parses it."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.demo.stand_in.entities import (
    FormattedText,
    UnparsableEntitiesError,
    find_commands,
    parse_html,
    trim,
    utf16_length,
)


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("plain", "plain", []),
        ("<b>x</b>", "x", [{"type": "bold", "offset": 0, "length": 1}]),
        ("😀<i>x</i>", "😀x", [{"type": "italic", "offset": 2, "length": 1}]),
        ("&lt;b&gt; &amp; &quot;", '<b> & "', []),
        ("&nbsp; &#65;&#x42;", "&nbsp; AB", []),
        ('<a href="https://x.org/?a&amp;b">x</a>', "x", [{"type": "text_link", "url": "https://x.org/?a&b"}]),
        ('<code class="language-sql">x</code>', "x", [{"type": "code"}]),
        ("<blockquote expandable>x</blockquote>", "x", [{"type": "expandable_blockquote"}]),
        (
            '<tg-time unix="1647531900" format="wDT">22:45</tg-time>',
            "22:45",
            [{"type": "date_time", "unix_time": 1647531900, "date_time_format": "wDT", "offset": 0, "length": 5}],
        ),
        ("<tg-time unix=1647531900>x</tg-time>", "x", [{"type": "date_time", "date_time_format": ""}]),
        ('<tg-time unix="soon" format="t">x</tg-time>', "x", []),
        ("<B>x</b >", "x", [{"type": "bold"}]),
        ("<b></b>x", "x", []),
        ("a > b", "a > b", []),
    ],
)
def test_markup_becomes_entities(source: str, text: str, entities: list[dict[str, object]]) -> None:
    """Tags are stripped, references decoded, offsets counted in UTF-16 units."""
    parsed = parse_html(source)
    assert parsed.text == text
    assert len(parsed.entities) == len(entities)
    for found, expected in zip(parsed.entities, entities, strict=True):
        assert expected.items() <= found.items()


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("a <b", "Unclosed start tag at byte offset 2"),
        ("1 < 2 > 0", 'Unsupported start tag "" at byte offset 2'),
        ("é<div>x</div>", 'Unsupported start tag "div" at byte offset 2'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<a href>x</a>", 'Expected equal sign in declaration of an attribute of the tag "a" at byte offset 0'),
        ('<a href="x>x</a>', "Unclosed start tag at byte offset 0"),
        ("<a href=x/y>x</a>", "Unexpected end of name token at byte offset 8"),
        ('<tg-time unix="1" format="zz">x</tg-time>', "Invalid date format used"),
        ("<br/>", 'Unsupported start tag "br/" at byte offset 0'),
    ],
)
def test_bad_markup_is_refused_in_the_servers_words(source: str, error: str) -> None:
    """Each mistake has its sentence and its byte offset."""
    with pytest.raises(UnparsableEntitiesError) as caught:
        parse_html(source)
    assert str(caught.value) == error


@given(st.text())
def test_escaped_text_comes_back_unchanged(text: str) -> None:
    """What html.escape made safe is shown as it was."""
    assert parse_html(html.escape(text, quote=False)).text == text


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No input breaks the parser in another way, and entities stay inside the text."""
    try:
        parsed = trim(parse_html(text))
    except UnparsableEntitiesError:
        return
    assert all(entity["offset"] + entity["length"] <= utf16_length(parsed.text) for entity in parsed.entities)


def test_blanks_around_a_text_are_dropped() -> None:
    """Entities move along with the text they mark."""
    assert trim(parse_html("  <b> x </b>  ")) == FormattedText("x", ({"type": "bold", "offset": 0, "length": 1},))


def test_commands_are_found_where_people_write_them() -> None:
    """A slash inside a word is none."""
    assert find_commands("/admin and/or /run@courier_bot") == (
        {"type": "bot_command", "offset": 0, "length": 6},
        {"type": "bot_command", "offset": 14, "length": 16},
    )
