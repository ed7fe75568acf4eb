"""The date of a run, which reproducible builds can fix."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from meshimplant.errors import InputError

#: Seconds since 1970 that replace the clock, see https://reproducible-builds.org/specs/source-date-epoch.
FIXED = "SOURCE_DATE_EPOCH"


def today() -> str:
    """Return the date as YYYY-MM-DD (UTC): that of ``SOURCE_DATE_EPOCH``, or else today's.

    Raises
    ------
    InputError
        The variable is set, and is no number of seconds.
    """
    fixed = os.environ.get(FIXED, "").strip()
    if not fixed:
        return datetime.now(UTC).date().isoformat()
    try:
        return datetime.fromtimestamp(int(fixed), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(
            f"expected seconds since 1970 in {FIXED}, got {fixed!r}: set it, or unset it"
        ) from error
