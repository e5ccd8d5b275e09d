from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_refresh.core.encoding import decode, decode_object, encode, encode_object
from tests.support import forging


@given(st.binary())
def test_bytes_come_back_as_they_went(data: bytes) -> None:
    assert decode(encode(data)) == data


@given(st.text("AQgw-_+/= \n", max_size=9).map(str.encode))
def test_bytes_have_one_spelling(segment: bytes) -> None:
    try:
        data = decode(segment)
    except ValueError:
        return
    assert encode(data) == segment


@pytest.mark.parametrize(
    ("data", "segment"),
    [(b"", b""), (b"f", b"Zg"), (b"fo", b"Zm8"), (b"foo", b"Zm9v"), (b"\xfb\xff", b"-_8")],
)
def test_encoding_is_base64url_without_padding(data: bytes, segment: bytes) -> None:
    assert encode(data) == segment
    assert decode(segment) == data


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(b"Zg==", id="padding"),
        pytest.param(b"Zg=", id="half of the padding"),
        pytest.param(b"Zm9v====", id="padding that nothing needs"),
        pytest.param(b"Zh", id="bits in the unused end of two characters"),
        pytest.param(b"Zm9", id="bits in the unused end of three characters"),
        pytest.param(b"Z", id="one character"),
        pytest.param(b"Zm9vZ", id="five characters"),
        pytest.param(b"+/8", id="the other alphabet"),
        pytest.param(b"Zm 9v", id="space"),
        pytest.param(b"Zm9v\n", id="newline"),
        pytest.param(b"Zm\x009v", id="NUL"),
        pytest.param(b"Zm\xff9v", id="not ASCII"),
    ],
)
def test_any_other_spelling_is_refused(segment: bytes) -> None:
    with pytest.raises(ValueError):
        decode(segment)


@given(st.dictionaries(st.text(), forging.json_values))
def test_objects_come_back_as_they_went(content: dict[str, Any]) -> None:
    assert decode_object(encode_object(content)) == content


def test_objects_are_written_without_spaces() -> None:
    assert decode(encode_object({"a": [1, 2], "b": "é"})) == rb'{"a":[1,2],"b":"\u00e9"}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_no_number_is_written_that_is_not_json(number: float) -> None:
    with pytest.raises(ValueError):
        encode_object({"a": number})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"a":1} {}', id="two objects"),
        pytest.param(b'{"a":1}\0', id="NUL behind it"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"a"', id="string"),
        pytest.param(b"1", id="number"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"a":1,"a":1}', id="a member twice"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="a member and its escaped twin"),
        pytest.param(b'{"b":{"a":1,"a":2}}', id="a member twice, further in"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":Infinity}', id="Infinity"),
        pytest.param(b'{"a":[-Infinity]}', id="-Infinity"),
        pytest.param(b'{"a":' + b"1" * 5000 + b"}", id="5000 digits"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"a":1}'.encode("utf-16-le"), id="UTF-16 without its mark"),
        pytest.param('{"a":1}'.encode("utf-32"), id="UTF-32"),
        pytest.param(b'{"a":"\xff"}', id="no UTF-8"),
        pytest.param(b'{"a":"\xc0\xaf"}', id="overlong UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="a surrogate in UTF-8"),
        pytest.param(f'{{"a":{forging.nested(100_000)}}}'.encode(), id="nested 100000 deep"),
    ],
)
def test_what_is_not_strict_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        decode_object(encode(text))
