from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinfonietta.dicom.dataset.charset import charset_of, search_key
from sinfonietta.dicom.dataset.values import element, little_endian


@pytest.mark.parametrize(
    ("terms", "raw", "text"),
    [
        ((), b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (("ISO_IR 100",), b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (("ISO_IR 192",), "Wang^XiaoDong=王^小东".encode(), "Wang^XiaoDong=王^小东"),
        (("GB18030",), "Wang=王^小东".encode("gb18030"), "Wang=王^小东"),
        (("ISO_IR 144",), "Люкceмбypг".encode("iso8859-5"), "Люкceмбypг"),
        (("", "ISO 2022 IR 87"), b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada^Tarou=山田^太郎"),
        (("", "ISO 2022 IR 149"), b"Hong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "Hong=洪^吉洞"),
        (("no such set",), b"abc", "abc"),
        (("ISO_IR 192",), b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_names_in_every_script(terms: tuple[str, ...], raw: bytes, text: str) -> None:
    assert charset_of(terms).name(raw) == text


@given(
    raw=st.binary(max_size=60),
    terms=st.sampled_from([(), ("ISO_IR 192",), ("ISO_IR 13",), ("", "ISO 2022 IR 87"), ("GBK", "x")]),
)
def test_any_bytes_are_some_text(raw: bytes, terms: tuple[str, ...]) -> None:
    charset_of(terms).name(raw).encode()
    charset_of(terms).text(raw).encode()


def test_search_key_folds_case_width_and_spaces() -> None:
    assert search_key("Müller^Anna  Maria^^Dr.") == "müller^anna maria^^dr."
    assert search_key("ＹＡＭＡＤＡ^Ｔａｒｏｕ=山田^太郎=やまだ^たろう") == "yamada^tarou=山田^太郎=やまだ^たろう"
    assert search_key({"Alphabetic": "STRASSE^", "Phonetic": "x"}) == "strasse==x"
    assert search_key("Straße") == search_key("STRASSE")
    assert search_key("") == ""
    assert search_key({}) == ""


@pytest.mark.parametrize(
    ("vr", "raw", "expected"),
    [
        ("FD", b"\0\0\0\0\0\0\xf8\x7f\0\0\0\0\0\0\xf0\x7f\0\0\0\0\0\0\xf0\xff", ["NaN", "inf", "-inf"]),
        ("IS", b"12\\\\x\\1_0\\99999999999999999999", [12, None, "x", "1_0", "99999999999999999999"]),
        ("DS", b"1.5 \\1e400\\nan\\", [1.5, "1e400", "nan", None]),
        ("AT", b"\x10\x00\x20\x00", ["00100020"]),
        ("PN", b"A^B\\\\=C", [{"Alphabetic": "A^B"}, None, {"Ideographic": "C"}]),
        ("UT", b"one\\value ", ["one\\value"]),
        ("UI", b"1.2\0", ["1.2"]),
        ("SV", b"\xff" * 8, [-1]),
    ],
)
def test_values(vr: str, raw: bytes, expected: list[object]) -> None:
    assert element(vr, raw, charset_of(()), big_endian=False) == {"vr": vr, "Value": expected}


def test_a_value_of_the_wrong_length_stays_bytes() -> None:
    assert element("US", b"abc", charset_of(()), big_endian=False) == {"vr": "UN", "InlineBinary": "YWJj"}


def test_only_padding_is_no_value() -> None:
    assert element("LO", b"  ", charset_of(()), big_endian=False) == {"vr": "LO"}


def test_binary_leaves_as_little_endian() -> None:
    assert little_endian("OW", b"\1\2\3\4") == b"\2\1\4\3"
    assert little_endian("OD", bytes(range(8))) == bytes(range(7, -1, -1))
    assert little_endian("OB", b"\1\2") == b"\1\2"
