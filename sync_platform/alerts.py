"""One way to tell people that something failed or recovered: Apprise, to whatever `ALERT_URLS` names.

Here belongs sending. Who is told what is decided by the hooks; a message never holds customer data.
"""

import logging
from collections.abc import Sequence

_LOG = logging.getLogger(__name__)


def send_alert(urls: Sequence[str], title: str, body: str) -> bool:
    """Send one message to every URL and return whether all were told.

    Never raises: an alert that fails is logged, without the URL, which may hold a password. Without URLs
    there is nobody to tell and nothing is done. A rerun sends again.

    Args:
        urls: Apprise URLs; one text may hold several, separated by commas or spaces.
        title: what happened, to what.
        body: the reason and what to do next.
    """
    from apprise import Apprise  # noqa: PLC0415 -- loading the definitions can do without it

    if not urls:
        return True
    receivers = Apprise()
    try:
        # One by one: of a text Apprise takes every URL in it, of a list each element as one URL.
        is_understood = all(map(receivers.add, urls))
        is_sent = bool(receivers) and bool(receivers.notify(title=title, body=body))
    except Exception as error:  # noqa: BLE001 -- a plugin's bug must not fail the run that it tells about
        _LOG.warning("An alert was not sent (%s). Check ALERT_URLS.", type(error).__name__)
        return False
    if not (is_understood and is_sent):
        _LOG.warning("An alert did not reach everybody whom ALERT_URLS names. Check it and their services.")
    return is_understood and is_sent
