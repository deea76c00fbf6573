"""Keeps secret values out of a stream of bytes: each occurrence, in whatever pieces it is written, becomes `***`.

A value is looked for as it is (line by line where it has several), in base64 at each of the three alignments and
in both alphabets, URL-escaped, and JSON-escaped. `secret_forms` spells all of these; a `Masker` then needs only
one search. It gives out every byte at once, except an end that could be the beginning of a form: that waits for
what follows, however long this takes, since a secret written in two halves must not come out either.
"""

import base64
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick

MASK = b"***"
SHORTEST = 4
"""Values of fewer bytes are not masked: they would make holes in everything."""

_URLSAFE = bytes.maketrans(b"+/", b"-_")
_HTML_SAFE = str.maketrans({"&": r"\u0026", "<": r"\u003c", ">": r"\u003e"})
_BASE64_WIDTHS = (76, 64)  # where `base64` of coreutils, and PEM files, break their lines
_SHORTEST_WRAPPED = 8  # the last of such lines may be so short that it stands everywhere


def maskable(value: bytes) -> bool:
    """Say whether a secret value can be masked: it has a line of at least four bytes, or is itself that long."""
    return bool(_plain_forms(value))


def secret_forms(values: Iterable[bytes]) -> tuple[bytes, ...]:
    """Spell every form in which the secret `values` are looked for; those too short to be masked are passed over."""
    forms: set[bytes] = set()
    for value in values:
        plain = _plain_forms(value)
        for form in (*plain, *([value.strip(b"\r\n"), value] if plain else [])):
            forms.update(_encoded_forms(form))
        forms.update(plain)
    return tuple(sorted(form for form in forms if len(form) >= SHORTEST))


def _plain_forms(value: bytes) -> list[bytes]:
    """The lines worth masking; the whole value only if all its lines are short, so that few lines ever wait."""
    whole = value.strip(b"\r\n")
    lines = [line for line in map(_essence, whole.split(b"\n")) if len(line) >= SHORTEST]
    return lines or [line for line in [_essence(whole)] if len(line) >= SHORTEST]


def _essence(line: bytes) -> bytes:
    """A line without the white space around it, unless it is too short then; nothing, if it is mere white space."""
    bare = line.strip()
    return bare if len(bare) >= SHORTEST or not bare else line.rstrip(b"\r")


def _encoded_forms(value: bytes) -> Iterator[bytes]:
    for encoded in _base64_forms(value):
        yield encoded
        yield encoded.translate(_URLSAFE)
    text = value.decode("utf-8", "surrogateescape")
    # The last two leave what JavaScript's encodeURIComponent and Go's net/url, for the part before a host, leave.
    for escaped in (
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        quote(value, safe="!'()*"),
        quote(value, safe="$&+,;="),
    ):
        yield escaped.encode()
        yield _lower_escapes(escaped).encode()
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        # As it is, as Go writes it for HTML, and as PHP does.
        for form in (escaped, escaped.translate(_HTML_SAFE), escaped.replace("/", "\\/")):
            yield form.encode("utf-8", "surrogateescape")


def _base64_forms(value: bytes) -> Iterator[bytes]:
    """Base64 of whatever contains `value`: the characters that it alone decides, at each of the three alignments."""
    whole = base64.b64encode(value)
    yield whole
    for width in _BASE64_WIDTHS:
        lines = [whole[i : i + width] for i in range(0, len(whole), width)]
        yield from (line for line in lines if len(line) >= _SHORTEST_WRAPPED)
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + value)
        yield encoded[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]


def _lower_escapes(escaped: str) -> str:
    """The same URL-escaped text with its hex digits in lower case, as some languages write them."""
    head, *parts = escaped.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in parts)])


class Masker:
    """Masks one stream. `feed` gives what may go out now; `finish` gives what was held back, at the stream's end.

    Whatever the chunks, the pieces put together are the same: every byte that is part of some form is masked, and
    forms that overlap make one `***`.
    """

    def __init__(self, forms: tuple[bytes, ...]) -> None:
        self._forms = forms
        self._search = BytesAhoCorasick(list(forms)) if forms else None
        self._longest = max(map(len, forms), default=0)
        self._within_lines = not any(b"\n" in form for form in forms)
        self._held = b""
        self._covered = 0  # so many of the held bytes belong to a form that has its `***` already

    def feed(self, data: bytes) -> bytes:
        """Take the stream's next bytes and return, masked, all that can be decided."""
        if self._search is None:
            return data
        data = self._held + data if self._held else data
        return self._emit(data, self._undecided_from(data))

    def finish(self) -> bytes:
        """Return, masked, what was held back: nothing follows that could make it a secret."""
        return self._emit(self._held, len(self._held)) if self._search else b""

    def _emit(self, data: bytes, end: int) -> bytes:
        pieces: list[bytes] = []
        position = covered = self._covered  # bytes before `position` are dealt with
        for start, stop in self._occurrences(data):
            if start >= end:
                break
            if start >= covered:
                pieces += data[position:start], MASK
            covered = position = max(covered, stop)
        if position < end:
            pieces.append(data[position:end])
        self._held, self._covered = data[end:], max(0, covered - end)
        return b"".join(pieces)

    def _occurrences(self, data: bytes) -> list[tuple[int, int]]:
        """Where forms are, by their start; a form that ends in a held end is found again with the next chunk."""
        found = self._search.find_matches_as_indexes(data, overlapping=True) if self._search else []
        return sorted((start, stop) for _, start, stop in found) if found else []

    def _undecided_from(self, data: bytes) -> int:
        """Where the longest end of `data` begins that is the beginning of a form, or its length."""
        first = max(0, len(data) - self._longest + 1)
        if self._within_lines:
            first = max(first, data.rfind(b"\n") + 1)
        return next((start for start in range(first, len(data)) if self._begins_a_form(data[start:])), len(data))

    def _begins_a_form(self, end: bytes) -> bool:
        """Find the first form after `end` in their order: if any form goes on from `end`, then that one does."""
        index = bisect_right(self._forms, end)
        return index < len(self._forms) and self._forms[index].startswith(end)


def mask(forms: tuple[bytes, ...], text: str) -> str:
    """Mask a whole text at once; bytes that are not UTF-8 may stand in it as surrogates."""
    masker = Masker(forms)
    data = masker.feed(text.encode("utf-8", "surrogateescape")) + masker.finish()
    return data.decode("utf-8", "replace")
