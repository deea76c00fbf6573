"""Masking: no form of a secret comes out, however it is written, and nothing else is touched or delayed."""

import base64
import json
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.masking import Masker, mask, maskable, secret_forms

SECRET = b"s3cr3t-Pa$$/word+"


def masked(data: bytes, *secrets: bytes) -> bytes:
    masker = Masker(secret_forms(secrets))
    return masker.feed(data) + masker.finish()


def masked_in(chunks: list[bytes], *secrets: bytes) -> bytes:
    masker = Masker(secret_forms(secrets))
    return b"".join([*map(masker.feed, chunks), masker.finish()])


def test_a_value_is_replaced_by_stars() -> None:
    assert masked(b"login user:" + SECRET + b"@host\n", SECRET) == b"login user:***@host\n"


def test_without_secrets_every_byte_goes_through_unchanged() -> None:
    every_byte = bytes(range(256)) * 3
    assert masked(every_byte) == every_byte


def test_binary_output_around_a_secret_stays_intact() -> None:
    noise = bytes(range(256))
    assert masked(noise + SECRET + noise, SECRET) == noise + b"***" + noise


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_masked_at_every_alignment(before: int, after: int, encode: object) -> None:
    assert callable(encode)
    secret = b"\xfb\xff>>>?secret?"
    text = encode(b"x" * before + secret + b"y" * after)
    shown = masked(text, secret)
    assert b"***" in shown
    # Characters at both ends may stay that also depend on the neighbours: less than one byte's worth each side.
    left, right = shown.split(b"***")
    assert len(left) <= -(-before * 8 // 6)
    assert len(right) <= 2 + -(-after * 8 // 6) + 2


def test_base64_that_is_broken_into_lines_is_masked() -> None:
    secret = bytes(range(40, 120)) * 3
    lines = base64.encodebytes(secret).splitlines()
    shown = masked(b"\n".join(lines), secret).split(b"\n")
    assert shown[:-1] == [b"***"] * (len(lines) - 1)
    assert lines[-1] not in shown


ESCAPED = quote(SECRET, safe="")


@pytest.mark.parametrize("escaped", [ESCAPED, quote(SECRET), ESCAPED.replace("%2B", "%2b").replace("%2F", "%2f")])
def test_url_escaped_values_are_masked(escaped: str) -> None:
    assert masked(f"https://u:{escaped}@host".encode(), SECRET) == b"https://u:***@host"


@pytest.mark.parametrize(
    "escaped",
    [
        r"p\u0026ss\u003cw\u003eo/d!(1)",  # Go's json.Marshal
        r"p&ss<w>o\/d!(1)",  # PHP's json_encode
        "p%26ss%3Cw%3Eo%2Fd!(1)",  # JavaScript's encodeURIComponent
        "p&ss%3Cw%3Eo%2Fd%21%281%29",  # Go's url.UserPassword
    ],
)
def test_what_other_languages_escape_is_masked(escaped: str) -> None:
    assert masked(f"a {escaped} b".encode(), b"p&ss<w>o/d!(1)") == b"a *** b"


def test_json_escaped_values_are_masked() -> None:
    secret = 'quote " backslash \\ ümlaut'.encode()
    for ascii_only in (True, False):
        text = json.dumps({"a": secret.decode()}, ensure_ascii=ascii_only).encode()
        assert masked(text, secret) == b'{"a": "***"}'


def test_each_line_of_a_value_is_masked_by_itself() -> None:
    secret = b"-----BEGIN KEY-----\nMIIabcdef\nab\n-----END KEY-----\n"
    assert masked(b"first\nMIIabcdef\n  ab\n-----BEGIN KEY-----\r\n", secret) == b"first\n***\n  ab\n***\r\n"


def test_a_value_of_short_lines_only_is_masked_as_a_whole() -> None:
    assert masked_in([b"is a", b"b\ncd", b"\nef!"], b"ab\ncd\nef\n") == b"is ***!"


def test_a_value_written_with_a_line_end_in_its_file_is_masked_without_it() -> None:
    assert masked(b"password=hunter22;", b"hunter22\n") == b"password=***;"


def test_overlapping_secrets_leave_nothing_of_either() -> None:
    assert masked(b"-abcdef-", b"abcd", b"cdef") == b"-***-"
    assert masked_in([b"-ab", b"cd", b"e", b"f-"], b"abcd", b"cdef") == b"-***-"


def test_a_secret_that_is_the_beginning_of_another_waits_for_the_longer_one() -> None:
    masker = Masker(secret_forms([b"pass", b"password"]))
    assert masker.feed(b"pass") == b""
    assert masker.feed(b"word") + masker.feed(b"!") == b"***!"


def test_a_secret_in_two_halves_does_not_come_out_between_them() -> None:
    masker = Masker(secret_forms([b"password"]))
    assert masker.feed(b"it is pass") == b"it is "
    assert masker.feed(b"word\n") == b"***\n"


def test_a_prompt_that_begins_no_secret_comes_out_at_once() -> None:
    assert Masker(secret_forms([b"password"])).feed(b"Name: ") == b"Name: "


def test_a_complete_line_is_never_delayed_even_by_a_value_of_several_lines() -> None:
    secret = b'{\n  "private_key": "abcdef"\n}\n'
    assert Masker(secret_forms([secret])).feed(b"{\n") == b"{\n"


@pytest.mark.parametrize("value", [b"", b"abc", b"a\n", b"     ", b"\n\n\n\n", b"   \n  \n"])
def test_values_that_would_tear_holes_into_everything_are_not_masked(value: bytes) -> None:
    assert not maskable(value)
    assert secret_forms([value]) == ()


def test_a_text_is_masked_and_becomes_valid_unicode() -> None:
    assert mask(secret_forms([SECRET]), f"no: {SECRET.decode()} \udcff") == "no: *** \ufffd"


# `*` is left out: beside a `***` it could spell a secret that nobody wrote.
secret_values = st.one_of(
    st.binary(min_size=4, max_size=12),
    st.text("ab\n", min_size=4, max_size=9).map(str.encode),
    st.text("aAbB01+/=", min_size=4, max_size=9).map(str.encode),
).filter(lambda value: maskable(value) and b"*" not in value)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """Secrets, and a stream with forms of them (whole or broken) in it, cut at arbitrary places."""
    secrets = draw(st.lists(secret_values, min_size=1, max_size=4))
    forms = st.sampled_from(secret_forms(secrets))
    piece = st.one_of(st.binary(max_size=5), st.text("ab\n", max_size=5).map(str.encode), forms)
    broken = st.builds(lambda form, cut: form[:cut], forms, st.integers(1, 8))
    text = b"".join(draw(st.lists(st.one_of(piece, forms, broken), max_size=10)))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)) | {0, len(text)})
    return secrets, [text[start:stop] for start, stop in pairwise(cuts)]


@settings(max_examples=500, deadline=None)
@given(streams())
def test_any_chunking_gives_what_the_whole_gives_and_shows_no_secret(stream: tuple[list[bytes], list[bytes]]) -> None:
    secrets, chunks = stream
    whole = masked(b"".join(chunks), *secrets)
    assert masked_in(chunks, *secrets) == whole
    for form in secret_forms(secrets):
        assert form not in whole
    for secret in secrets:
        assert secret not in whole


@settings(max_examples=300, deadline=None)
@given(streams())
def test_only_the_bytes_of_secrets_are_replaced(stream: tuple[list[bytes], list[bytes]]) -> None:
    """Against a plain definition: cover every occurrence of every form, then write *** for each covered run."""
    secrets, chunks = stream
    text = b"".join(chunks)
    spans = sorted(
        (at, at + len(form)) for form in secret_forms(secrets) for at in range(len(text)) if text.startswith(form, at)
    )
    expected, position = b"", 0
    for start, stop in spans:
        if start >= position:
            expected += text[position:start] + b"***"
        position = max(position, stop)
    assert masked(text, *secrets) == expected + text[position:]
