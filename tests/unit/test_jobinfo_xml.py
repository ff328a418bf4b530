"""The xml format."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from qm.errors import InfoError
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.model import JobInfo

LIMITS = Limits(max_processors=8)


def read(text: str | bytes) -> JobInfo:
    return read_info("infos.xml", text.encode() if isinstance(text, str) else text, LIMITS)


def refusal(text: str | bytes) -> InfoError:
    with pytest.raises(InfoError) as error:
        read(text)
    return error.value


def test_the_example_of_the_manual_is_read() -> None:
    info = read(
        '<PARAMETER>\n <nb_proc value="4"/>\n <e-mail value="me@example.org"/>\n'
        ' <script value="python process.py param1 param2"/>\n</PARAMETER>\n'
    )
    assert info.options.nb_proc == 4
    assert info.options.e_mail == "me@example.org"
    assert info.options.script == "python process.py param1 param2"
    assert info.warnings == ()


def test_root_keys_and_attribute_have_no_case() -> None:
    info = read('<Parameter><NB_PROC Value="2"/><Script VALUE="x"/></Parameter>')
    assert (info.options.nb_proc, info.options.script) == (2, "x")


def test_the_text_of_an_element_is_its_value_where_there_is_no_attribute() -> None:
    info = read(
        "<PARAMETER><script>\n  echo &lt;a&gt; &amp;&amp; <![CDATA[b & c]]>\n</script>"
        "<info>two\n   lines</info></PARAMETER>"
    )
    assert info.options.script == "echo <a> && b & c"
    assert info.options.info == "two lines"


def test_value_and_text_together_are_refused() -> None:
    assert refusal('<PARAMETER>\n<script value="a">b</script></PARAMETER>').line == 2


def test_another_root_is_refused() -> None:
    error = refusal('<?xml version="1.0"?>\n<JOB><script value="x"/></JOB>')
    assert error.line == 2
    assert error.expected == "<PARAMETER>"


def test_errors_name_the_line_of_the_element() -> None:
    error = refusal('<PARAMETER>\n<script value="x"/>\n<nb_proc\n value="four"/>\n</PARAMETER>')
    assert error.line == 3
    assert 'nb_proc = "four"' in error.found


def test_both_spellings_of_a_key_are_a_duplicate() -> None:
    error = refusal(
        '<PARAMETER>\n<script value="x"/>\n<e-mail value="a@b"/>\n<e_mail value="c@d"/></PARAMETER>'
    )
    assert error.line == 4
    assert "line 3" in error.found


def test_foreign_elements_may_repeat_and_nest() -> None:
    info = read(
        '<PARAMETER><script value="x"/><file value="a"/><file value="b"/>'
        '<mesh><nb_proc value="four"/></mesh></PARAMETER>'
    )
    assert info.options.nb_proc == 1


def test_an_element_inside_a_key_is_refused() -> None:
    assert "contains <b>" in refusal("<PARAMETER><script>a<b/></script></PARAMETER>").found


def test_a_bare_ampersand_is_refused_with_how_to_write_it() -> None:
    error = refusal('<PARAMETER>\n<script value="a && b"/></PARAMETER>')
    assert error.line == 2
    assert "&amp;" in error.hint


@pytest.mark.parametrize("text", ["<PARAMETER>", "plain", "<a></b>", "<PARAMETER/><b/>"])
def test_what_is_no_xml_is_refused(text: str) -> None:
    assert refusal(text).file == "infos.xml"


BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE x [\n<!ENTITY a0 "aaaaaaaaaa">\n'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">\n' for n in range(1, 12))
    + "]>\n<PARAMETER><script>&a11;</script></PARAMETER>"
)


def test_an_xml_bomb_is_refused_at_once() -> None:
    refusal("<PARAMETER/>")  # the import of the parser is not what is measured
    begin = time.perf_counter()
    error = refusal(BOMB)
    assert time.perf_counter() - begin < 0.1
    assert error.line == 2
    assert "DTD" in error.found


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        "<!DOCTYPE PARAMETER>",
    ],
)
def test_every_dtd_is_refused(doctype: str) -> None:
    assert "DTD" in refusal(f'{doctype}<PARAMETER><script value="x"/></PARAMETER>').found


def test_an_undeclared_entity_is_refused() -> None:
    assert "undefined entity" in refusal("<PARAMETER><info>&eacute;</info></PARAMETER>").found


def test_a_declared_encoding_is_obeyed() -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><PARAMETER><script value="é"/></PARAMETER>'
    info = read(text.encode("latin-1"))
    assert (info.options.script, info.warnings) == ("é", ())


def test_an_undeclared_latin_1_accent_in_the_description_is_replaced() -> None:
    text = '<PARAMETER><script value="x"/><info value="é"/></PARAMETER>'
    info = read(text.encode("latin-1"))
    assert info.options.info == "\ufffd"
    assert len(info.warnings) == 1


def test_an_unknown_encoding_is_refused() -> None:
    error = refusal('<?xml version="1.0" encoding="idna"?><PARAMETER/>')
    assert (error.line, error.expected) == (1, "UTF-8")


def test_utf_16_with_a_mark_is_read_whatever_is_declared() -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?><PARAMETER><script value="é"/></PARAMETER>'
    assert read(text.encode("utf-16")).options.script == "é"


def test_a_line_break_written_as_a_reference_is_refused_in_a_script() -> None:
    error = refusal('<PARAMETER><script value="rm -rf&#10;/data"/></PARAMETER>')
    assert "a line break" in error.found


def test_the_parser_is_loaded_for_xml_only() -> None:
    code = (
        "import sys\n"
        "from qm.jobinfo.limits import Limits\n"
        "from qm.jobinfo.read import read_info\n"
        "read_info('a.cfg', b'[QMOptions]\\nscript : x', Limits(1))\n"
        "assert 'defusedxml' not in sys.modules and 'pyexpat' not in sys.modules\n"
        "read_info('a.xml', b'<PARAMETER><script value=\"x\"/></PARAMETER>', Limits(1))\n"
        "assert 'defusedxml' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
