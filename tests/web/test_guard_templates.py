"""Templates hold no way around the escaping: a lint over views/, and what Templates does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.templates import FOLDER, href, size, span, stamp, when

TEMPLATES = sorted(FOLDER.glob("*.tpl"))
_CODE_LINE = re.compile(r"^\s*%.*$", re.MULTILINE)
_CODE_BLOCK = re.compile(r"<%.*?%>", re.DOTALL)
_VALUE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_TAG = re.compile(r"<[a-zA-Z][^<>]*>")
_ATTRIBUTES = re.compile(r"""<[a-zA-Z][\w-]*(\s+[a-zA-Z][\w:.-]*(="[^"]*")?|\s*VALUELESS)*\s*/?>""")
_ADDRESS = re.compile(r"""\b(href|src|action|formaction|poster)="([^"]*)\"""")
_DATA = re.compile(r"\b(name|info|owner|text|title|path|folder|line|reason|value|x)$")
"""What comes from jobs: no part of an address unless href() has quoted it."""


def complaints(name: str, source: str) -> list[str]:
    """What a template does that could let a value become code."""
    found = []
    raw = _VALUE.findall(source)
    allowed = ["!body"] if name == "base" else []
    if [value for value in raw if value.startswith("!")] != allowed:
        found.append("a value that is not escaped")
    markup = _CODE_BLOCK.sub("", _CODE_LINE.sub("", source)).replace("\\\\\n", "")
    for attribute, value in _ADDRESS.findall(markup):
        inside = _VALUE.search(value)
        if inside and value.startswith("{{") and _DATA.search(inside[1].strip()):
            found.append(f"{attribute} is made of {inside[0]}, which href() has not quoted")
    plain = _VALUE.sub("VALUE", markup)
    for tag in _TAG.findall(plain):
        if not _ATTRIBUTES.fullmatch(tag):
            found.append(f"an attribute without quotes: {tag}")
        if re.search(r"\s(on\w+|style)=", tag):
            found.append(f"code or style in an attribute: {tag}")
    if "javascript:" in plain.lower():
        found.append("javascript:")
    for kind, attributes, inside in re.findall(
        r"<(script|style)([^>]*)>(.*?)</\1>", plain, re.DOTALL
    ):
        if inside.strip() or (kind == "script" and "src=" not in attributes):
            found.append(f"an inline {kind}")
    return found


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_a_template_lets_no_value_become_code(file: Path) -> None:
    assert complaints(file.stem, file.read_text(encoding="utf-8")) == []


def test_there_are_templates() -> None:
    assert {"base", "problem", "login"} <= {file.stem for file in TEMPLATES}


@pytest.mark.parametrize(
    "source",
    [
        *("<p>{{!job.name}}</p>", "<p class={{x}}>", "<p class='{{x}}'>", "<a href={{x}}>a</a>"),
        *('<p onclick="x()">', '<p style="a">', '<a href="javascript:{{x}}">a</a>'),
        *("<script>var a = {{x}}</script>", "<style>{{x}}</style>", "<script>1</script>"),
        *('<a href="{{job.name}}">a</a>', '<form action="{{x}}">'),
    ],
)
def test_a_way_around_the_escaping_is_found(source: str) -> None:
    assert complaints("page", source)


@pytest.mark.parametrize(
    "source",
    [
        *("<a href=\"{{href('job', 7)}}\" hidden>{{x}}</a>", '<a href="/job/7#{{x}}">a</a>'),
        *("<script src=\"{{static('a.js')}}\" defer></script>", '<br><input name="a" disabled/>'),
        "% if a < b:\n<p>x</p>\n% end",
    ],
)
def test_what_is_sound_is_not_complained_about(source: str) -> None:
    assert complaints("page", source) == []


@pytest.mark.parametrize(
    ("made", "address"),
    [
        (href(), "/"),
        (href("job", 7), "/job/7"),
        (href("view", 'a?#%/"b'), "/view/a%3F%23%25%2F%22b"),
        (href("view", "a\udcffb"), "/view/a%FFb"),
        (href("view", b"\xff", "é"), "/view/%FF/%C3%A9"),
        (href("QM", q="a b&c", state=["x", "y"], owner=None), "/QM?q=a+b%26c&state=x&state=y"),
    ],
)
def test_addresses_are_quoted_part_by_part(made: str, address: str) -> None:
    assert made == address


@pytest.mark.parametrize("part", ["..", ".", ""])
def test_a_part_that_means_another_folder_is_no_part(part: str) -> None:
    with pytest.raises(ValueError, match="is no part of an address"):
        href("view", part, "x")


@given(st.lists(st.text(min_size=1).filter(lambda part: part not in {".", ".."}), min_size=1))
def test_an_address_stays_on_this_site_and_holds_no_markup(parts: list[str]) -> None:
    if any("\ud800" <= character <= "\udfff" for part in parts for character in part):
        return
    address = href(*parts)
    assert address.startswith("/") and not address.startswith(("//", "/\\"))
    assert not set(address) & set("\"'<>&?# \\")


def test_times_sizes_and_spans_are_for_people() -> None:
    assert (when(None, 0), when("nonsense", 0), stamp(None), span(None), size(None)) == ("",) * 5
    now = 1_800_000_000.0
    assert re.fullmatch(r"\d\d:\d\d", when("2027-01-15T08:00:00.000Z", now))
    assert re.fullmatch(r"yesterday \d\d:\d\d", when("2027-01-14T08:00:00.000Z", now))
    assert re.fullmatch(r"2026-11-02 \d\d:\d\d", when("2026-11-02T08:00:00.000Z", now))
    assert (span(115.7), span(-1), size(1536)) == ("1 min 55 s", "0 s", "1.5 KiB")
