"""How fast output is masked, against copying the same bytes: `python -m tests.bench.masking`.

Prints MB/s on one core and the ratio to a plain copy into a spool; asserts nothing.
"""

import io
import random
import time
from collections.abc import Callable

from shared.masking import Masker, secret_forms

_SIZE = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"


def build_log(rng: random.Random, size: int) -> bytes:
    """Lines as a build writes them: a time, a level and a dozen words."""
    words = [bytes(rng.choices(_LETTERS, k=rng.randint(2, 10))) for _ in range(2000)]
    lines = (b"2026-01-31T12:00:00Z INFO " + b" ".join(rng.choices(words, k=12)) + b"\n" for _ in range(20_000))
    part = b"".join(lines)
    return (part * (size // len(part) + 1))[:size]


def token(rng: random.Random) -> bytes:
    return bytes(rng.choices(_LETTERS + _LETTERS.upper() + b"0123456789+/!", k=rng.randint(8, 40)))


def private_key(rng: random.Random) -> bytes:
    lines = [bytes(rng.choices(_LETTERS.upper(), k=64)) for _ in range(26)]
    return b"\n".join([b"-----BEGIN PRIVATE KEY-----", *lines, b"-----END PRIVATE KEY-----", b""])


def megabytes_per_second(feed: Callable[[bytes], object], text: bytes, chunk: int) -> float:
    start = time.perf_counter()
    for at in range(0, len(text), chunk):
        feed(text[at : at + chunk])
    return len(text) / (time.perf_counter() - start) / 2**20


def main() -> None:
    rng = random.Random(1)
    text = build_log(rng, _SIZE)
    noise = rng.randbytes(_SIZE // 4)
    secrets = [token(rng) for _ in range(10)]
    with_key = [*secrets, private_key(rng)]
    baseline = megabytes_per_second(io.BytesIO().write, text, _CHUNK)
    print(f"{'masking':42}{'MB/s':>8}{'of a plain copy':>18}")
    print(f"{'plain copy, the baseline':42}{baseline:8.0f}{1:18.2f}")
    for name, values, data, chunk in (
        ("10 secrets, text, 64 KiB pieces", secrets, text, _CHUNK),
        ("10 secrets, text, 4 KiB pieces", secrets, text, 4096),
        ("10 secrets, text, a line a piece", secrets, text[: _SIZE // 8], 100),
        ("10 secrets and a private key, text", with_key, text, _CHUNK),
        ("10 secrets and a private key, random bytes", with_key, noise, _CHUNK),
    ):
        speed = megabytes_per_second(Masker(secret_forms(values)).feed, data, chunk)
        print(f"{name:42}{speed:8.0f}{speed / baseline:18.2f}")


if __name__ == "__main__":
    main()
