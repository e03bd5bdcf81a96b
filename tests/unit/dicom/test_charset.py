"""Specific Character Set: PS3.5 6.1 and its Annexes H, I and J, PS3.3 C.12.1.1.2."""

import pytest

from filmjacket.dicom.charset import (
    DEFAULT_CHARSET,
    LINE_DELIMITERS,
    PERSON_NAME_DELIMITERS,
    UTF8_CHARSET,
    VALUE_DELIMITERS,
    charset_of,
)
from filmjacket.errors import DicomError


@pytest.mark.parametrize(
    ("term", "raw", "text"),
    [
        ("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        ("ISO_IR 101", b"\xa3\xf3d\xbc", "Łódź"),
        ("ISO_IR 109", b"\xc6", "Ĉ"),
        ("ISO_IR 110", b"\xaa", "Ē"),
        ("ISO_IR 144", b"\xbb\xee\xda", "Люк"),
        ("ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea", "قباني"),
        ("ISO_IR 126", b"\xc4\xe9\xef\xed", "Διον"),
        ("ISO_IR 138", b"\xf9\xf8\xe5\xef", "שרון"),
        ("ISO_IR 148", b"\xd0\xfd\xfe", "Ğış"),
        ("ISO_IR 166", b"\xa1\xd2", "กา"),
        ("ISO_IR 203", b"\xa4\xbd", "€œ"),
        ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东".encode(), "Wang^XiaoDong=王^小东"),
        ("GB18030", "王^小东".encode("gb18030"), "王^小东"),
        ("GBK", "王^小东".encode("gbk"), "王^小东"),
    ],
)
def test_one_repertoire(term, raw, text):
    charset = charset_of([term])
    assert charset.decode_checked(raw) == (text, None)
    assert charset.warnings == ()
    assert charset.encode(text) == raw


PN_EXAMPLES = {
    "H.3.1 Japanese, first value empty": (
        ["", "ISO 2022 IR 87"],
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "H.3.2 Japanese, first value ISO 2022 IR 13": (
        ["ISO 2022 IR 13", "ISO 2022 IR 87"],
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    "I.2 Korean": (
        ["", "ISO 2022 IR 149"],
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "K.2 Chinese with ISO 2022 IR 58": (
        ["", "ISO 2022 IR 58"],
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    ),
    "several Latin halves": (
        ["ISO 2022 IR 6", "ISO 2022 IR 100", "ISO 2022 IR 144", "ISO 2022 IR 126"],
        b"\x1b-AJ\xe9r^\x1b-L\xbb\xee^\x1b-F\xc4\xe9",
        "Jér^Лю^Δι",
    ),
    "JIS X 0212": (["", "ISO 2022 IR 87", "ISO 2022 IR 159"], b"\x1b$(D0!\x1b(B^\x1b$B;3\x1b(B", "丂^山"),
}


@pytest.mark.parametrize("name", PN_EXAMPLES)
def test_code_extension(name):
    terms, raw, text = PN_EXAMPLES[name]
    assert charset_of(terms).decode_checked(raw, PERSON_NAME_DELIMITERS) == (text, None)


@pytest.mark.parametrize("delimiter", ["\r", "\n", "\t", "\f", "\\"])
def test_6_1_2_5_3_delimiters_restore_the_first_repertoire(delimiter):
    charset = charset_of(["ISO 2022 IR 100", "ISO 2022 IR 144"])
    raw = b"\x1b-L\xbb" + delimiter.encode() + b"\xe9"
    assert charset.decode(raw, VALUE_DELIMITERS) == f"Л{delimiter}é"


def test_6_1_2_5_3_only_delimiters_of_the_vr_count():
    charset = charset_of(["ISO 2022 IR 100", "ISO 2022 IR 144"])
    raw = b"\x1b-L\xbb^\xbb=\xbb\\\xbb"
    assert charset.decode(raw, PERSON_NAME_DELIMITERS) == "Л^»=»\\»"
    assert charset.decode(raw, VALUE_DELIMITERS) == "Л^Л=Л\\»"
    assert charset.decode(raw, LINE_DELIMITERS) == "Л^Л=Л\\Л"


def test_bytes_of_a_two_byte_character_are_no_delimiters():
    # JIS X 0208: 315C, 5C31, 3D3D and 5E5E hold the codes of \, = and ^.
    charset = charset_of(["", "ISO 2022 IR 87"])
    text = charset.decode(b"\x1b$B1\\\\1==^^\x1b(B", PERSON_NAME_DELIMITERS)
    assert text == b"\x1b$B1\\\\1==^^".decode("iso2022_jp")
    assert len(text) == 4
    assert not set(text) & set("\\=^")


@pytest.mark.parametrize(("codec", "term"), [("gbk", "GBK"), ("gb18030", "GB18030"), ("shift_jis", "ISO_IR 13")])
def test_trail_byte_5c_is_no_backslash(codec, term):
    characters = [c for c in map(chr, range(0x4E00, 0x9FA5)) if c.encode(codec, "ignore").endswith(b"\\")]
    assert len(characters) > 20
    text = "\\".join(characters)
    assert charset_of([term]).decode(text.encode(codec)) == text


def test_a_forgotten_return_before_a_delimiter_is_understood():
    assert (
        charset_of(["", "ISO 2022 IR 87"]).decode(b"\x1b$B;3ED^\x1b$BB@O:\x1b(B", PERSON_NAME_DELIMITERS) == "山田^太郎"
    )


def test_spaces_stay_spaces_beside_a_two_byte_set():
    assert charset_of(["", "ISO 2022 IR 87"]).decode(b"\x1b$B;3 ED\x1b(B") == "山 田"


@pytest.mark.parametrize(
    ("written", "term"),
    [
        ("ISO-IR 100", "ISO_IR 100"),
        ("ISO IR 100", "ISO_IR 100"),
        ("ISO_IR_100", "ISO_IR 100"),
        ("iso_ir 100", "ISO_IR 100"),
        ("ISO_IR100", "ISO_IR 100"),
        ("ISO 2022 IR-87", "ISO 2022 IR 87"),
        ("ISO_2022_IR_149", "ISO 2022 IR 149"),
        ("ISO 2022 58", "ISO 2022 IR 58"),
        ("ISO 2022 GBK", "GBK"),
        ("UTF-8", "ISO_IR 192"),
        ("ISO-8859-1", "ISO_IR 100"),
    ],
)
def test_misspelt_terms_are_understood_with_a_warning(written, term):
    charset = charset_of([written])
    assert charset.terms == (term,)
    assert len(charset.warnings) == 1


def test_padded_terms_are_no_misspelling():
    assert charset_of(["ISO_IR 100 "]).terms == ("ISO_IR 100",)


@pytest.mark.parametrize("written", ["KLINGON", "ISO_IR 999", "ISO_IR 1000", "\x00\xff"])
def test_unknown_term_is_the_default_repertoire_with_a_warning(written):
    charset = charset_of([written])
    assert charset.terms == ("ISO_IR 6",)
    assert "unknown" in charset.warnings[0]


@pytest.mark.parametrize("values", [[], [None], [""]])
def test_no_term_is_the_default_repertoire(values):
    assert charset_of(values) == DEFAULT_CHARSET


def test_stand_alone_sets_take_no_extensions():
    charset = charset_of(["ISO_IR 192", "ISO 2022 IR 87"])
    assert charset.terms == ("ISO_IR 192",)
    assert charset.warnings
    assert charset.decode("é".encode()) == "é"
    charset = charset_of(["ISO 2022 IR 6", "GB18030"])
    assert charset.terms == ("ISO 2022 IR 6",)
    assert charset.warnings


def test_escape_in_utf_8_is_no_code_extension():
    assert UTF8_CHARSET.decode(b"\x1b$Bab") == "\x1b$Bab"


@pytest.mark.parametrize(
    ("terms", "raw", "text", "read_as"),
    [
        ([], "Müller".encode(), "Müller", "utf_8"),
        ([], b"M\xfcller", "Müller", "latin_1"),
        (["", "ISO 2022 IR 149"], b"\xb1\xe6\xb5\xbf", "길동", "euc_kr"),
        (["ISO_IR 127"], "é".encode(), "é", "utf_8"),
    ],
)
def test_bytes_outside_the_repertoire_are_read_by_guess_with_a_warning(terms, raw, text, read_as):
    decoded, warning = charset_of(terms).decode_checked(raw)
    assert decoded == text
    assert warning is not None
    assert warning.endswith(read_as)


def test_bytes_that_nothing_explains_are_replaced_with_a_warning():
    decoded, warning = UTF8_CHARSET.decode_checked(b"M\xffller")
    assert decoded == "M\ufffdller"
    assert "U+FFFD" in (warning or "")


def test_unannounced_escape_is_obeyed():
    assert DEFAULT_CHARSET.decode(b"\x1b$B;3ED\x1b(B") == "山田"


@pytest.mark.parametrize(("term", "text"), [("ISO_IR 100", "山"), ("ISO_IR 13", "山"), ("ISO_IR 6", "é")])
def test_encoding_what_the_repertoire_lacks_is_refused(term, text):
    with pytest.raises(DicomError) as caught:
        charset_of([term]).encode(text)
    assert text not in str(caught.value)
