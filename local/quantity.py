"""Kubernetes quantities (`512Mi`, `1.5G`, `500m`, `2e3`) as numbers.

The format: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from decimal import Decimal

from shared.errors import InputError

_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_FORM = re.compile(r"(\+?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?|[eE][+-]?[0-9]{1,2})")


def parse_quantity(text: str | int | float) -> Decimal:
    """Turn a quantity into its exact value (bytes, cores); raises InputError for anything else, also below zero."""
    match = _FORM.fullmatch(str(text))
    if not match:
        raise InputError(f"{text!r} is not a quantity such as 512Mi, 1.5 or 500m")
    number, suffix = Decimal(match[1]), match[2]
    if suffix in _BINARY:
        return number * Decimal(1024) ** (_BINARY.index(suffix) + 1)
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:]))
