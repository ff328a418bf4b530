"""The xml format: ``<PARAMETER>`` with a child for each key, ``<nb_proc value="4"/>``.

Without a ``value`` attribute the text of the element is the value. Entities and
DTDs are refused by defusedxml before any of them is expanded.
"""

from __future__ import annotations

import re

# The parser is defusedxml's; these are the interface that it calls, and its error.
from xml.sax import SAXParseException  # noqa: TID251
from xml.sax.handler import ContentHandler  # noqa: TID251
from xml.sax.xmlreader import AttributesImpl  # noqa: TID251

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser, create_parser

from qm.errors import InfoError
from qm.jobinfo.items import Item, Reading, item, normalise, visible
from qm.jobinfo.keys import KEYS

ROOT = "PARAMETER"

_DECLARED = re.compile(rb"\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")

# Encodings that an editor is likely to write, by the names that XML has for
# them. A file that says UTF-16 and has no byte order mark was saved anew since.
_ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-16": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "latin-1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
}


def declared_encoding(file: str, data: bytes) -> str:
    """The codec for the encoding in the XML declaration; UTF-8 where none is declared.

    Raises InfoError for one that is not understood.
    """
    match = _DECLARED.match(data)
    if match is None:
        return "utf-8"
    name = match[1].decode("ascii")
    if name.lower() not in _ENCODINGS:
        raise InfoError(file, 1, f"encoding {name}", "UTF-8", "Save the file as UTF-8.")
    return _ENCODINGS[name.lower()]


def read_xml(file: str, content: str) -> Reading:
    """The settings in the root's children. Raises InfoError with the line at fault."""
    parser = create_parser(forbid_dtd=True, forbid_entities=True, forbid_external=True)
    handler = _Handler(file, parser)
    parser.setContentHandler(handler)
    try:
        # Text instead of bytes: expat then does not look at the declared encoding.
        parser.feed(content)
        parser.close()
    except DefusedXmlException:
        raise InfoError(
            file,
            parser.getLineNumber(),
            "there is a DTD or an entity",
            "XML without them",
            "Take the DOCTYPE away.",
        ) from None
    except SAXParseException as error:
        raise InfoError(
            file,
            error.getLineNumber(),
            f"this is not well-formed XML: {error.getMessage()}",
            hint="Inside a value write &amp; for &, &lt; for <, &gt; for > and &quot; for a quote.",
        ) from None
    return Reading(tuple(handler.items))


class _Handler(ContentHandler):
    """Collects the root's children; what is deeper belongs to the script."""

    def __init__(self, file: str, parser: DefusedExpatParser) -> None:
        super().__init__()
        self.items: list[Item] = []
        self._file = file
        self._parser = parser
        self._depth = 0
        self._name = ""
        self._line = 0
        self._value: str | None = None
        self._text: list[str] = []

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        self._depth += 1
        if self._depth == 1 and name.upper() != ROOT:
            raise self._error(f"the root element is <{visible(name)}>", f"<{ROOT}>")
        if self._depth == 2:
            self._name = name
            self._line = self._parser.getLineNumber() or 1
            values = [attrs[each] for each in attrs.getNames() if each.lower() == "value"]
            self._value = values[0] if values else None
            self._text = []
        if self._depth == 3 and normalise(self._name) in KEYS:
            raise self._error(f"<{self._name}> contains <{visible(name)}>", "a plain value")

    def endElement(self, name: str) -> None:  # noqa: N802
        self._depth -= 1
        if self._depth != 1:
            return
        text = "".join(self._text).strip()
        if self._value is not None and text and normalise(name) in KEYS:
            raise self._error(f"<{name}> has a value and a text", "one of them")
        self.items.append(item(name, text if self._value is None else self._value, self._line))

    def characters(self, content: str) -> None:
        if self._depth == 2:
            self._text.append(content)

    def _error(self, found: str, expected: str) -> InfoError:
        return InfoError(self._file, self._parser.getLineNumber(), found, expected)
