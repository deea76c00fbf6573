"""Greetings in the languages that a caller prefers."""

GREETINGS = {"en": "Hello", "de": "Hallo", "es": "Hola", "fr": "Bonjour", "ja": "こんにちは"}
DEFAULT = "en"
LONGEST_NAME = 80


def preferred_language(accept_language: str) -> str:
    """The best language we speak for an Accept-Language header such as `fr-CH, fr;q=0.9, en;q=0.8`."""
    weighted = [_weigh(part) for part in accept_language.split(",")]
    known = [(weight, language) for weight, language in weighted if language in GREETINGS and weight > 0]
    return max(known, key=lambda pair: pair[0])[1] if known else DEFAULT


def greet(name: str, language: str) -> str:
    """A greeting for `name`; raises ValueError for a name that is empty, too long or not printable."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ValueError(f"a name has 1 to {LONGEST_NAME} printable characters")
    return f"{GREETINGS[language]}, {name}!"


def _weigh(part: str) -> tuple[float, str]:
    tag, _, quality = part.partition(";q=")
    try:
        weight = float(quality or 1)
    except ValueError:
        weight = 0.0
    return weight, tag.strip().lower().partition("-")[0]
