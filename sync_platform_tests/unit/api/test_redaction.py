"""Known secrets leave every text, as they are and percent-encoded."""

import io
import logging

from sync_platform.api.redaction import RedactingFilter, redact


def test_secrets_are_masked_in_every_spelling_longest_first() -> None:
    secrets = ["p@ss/word", "p@ss/word-2", "", "abc"]
    text = "a p@ss/word b p%40ss%2Fword c p@ss/word-2 abc"
    assert redact(text, secrets) == "a *** b *** c *** abc"


def test_a_log_handler_shows_no_secret_in_message_arguments_or_traceback() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter(["s3cret-token"]))
    logger = logging.getLogger("test_redaction")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    logger.info("token %s", "s3cret-token")
    try:
        int("Bearer s3cret-token")
    except ValueError:
        logger.exception("failed with s3cret-token")
    finally:
        logger.removeHandler(handler)
    written = stream.getvalue()
    assert "s3cret" not in written
    assert written.count("***") == 4
    assert "Traceback" in written
