"""Base64 as people paste it: in either alphabet, padded or not."""

import base64
import binascii


def decode_base64(text: str) -> bytes:
    """Decode it; raises ValueError."""
    cleaned = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(cleaned + "=" * (-len(cleaned) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
