"""Takes known secrets out of texts, as the last line of defence before a log, an event or a ledger.

Messages are written so that there is nothing to take out; what other people's libraries write is not.
"""

import logging
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"
_SHORTEST_SECRET = 4


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every secret, as it is and percent-encoded, replaced by `***`.

    Secrets under four characters are left: they would be found in every word, and so be told by the mask.
    """
    for secret in sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True):
        text = text.replace(secret, MASK).replace(quote(secret, safe=""), MASK)
    return text


class RedactingFilter(logging.Filter):
    """A filter for log handlers that redacts messages and tracebacks; it never drops a record.

    Args:
        secrets: tokens, and the passwords of database addresses.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place; always True."""
        record.msg, record.args = redact(record.getMessage(), self._secrets), None
        if record.exc_info:
            trace = record.exc_text or logging.Formatter().formatException(record.exc_info)
            record.exc_text = redact(trace, self._secrets)
        return True
