"""Signed requests after Standard Webhooks: what is signed is the id, the timestamp and the exact body.

Source: the Standard Webhooks specification, "Signature scheme": HMAC-SHA256, `whsec_` keys, `v1,` signatures.
"""

import base64
import binascii
import hashlib
import hmac

from sync_platform.api.request import Pairs
from sync_platform.vocabulary import SettingsError

_PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """Decode a `whsec_` secret.

    Raises:
        SettingsError: it is not base64; the secret is not quoted.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise SettingsError("sign.secret is not `whsec_` and base64; take it as the receiver shows it.")
    return key


def signature_headers(key: bytes, *, message_id: str, timestamp_s: int, body: bytes) -> Pairs:
    """Return the three headers of a signed request.

    Args:
        key: as `signing_key` returned it.
        message_id: stable for a delivery, so that the receiver can tell a repeat.
        timestamp_s: now, seconds since 1970.
        body: the bytes that are sent.
    """
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp_s, body)
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return (
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp_s)),
        ("webhook-signature", f"v1,{digest}"),
    )
