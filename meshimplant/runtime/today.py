"""The date and time of a run, which reproducible builds can fix."""

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
    return _moment().date().isoformat()


def now() -> str:
    """Return date and time as 2026-03-09T14:05:07Z (UTC); raises as `today`."""
    return _moment().strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment() -> datetime:
    """Return the moment of ``SOURCE_DATE_EPOCH``, or else the present one."""
    fixed = os.environ.get(FIXED, "").strip()
    if not fixed:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(fixed), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(
            f"expected seconds since 1970 in {FIXED}, got {fixed!r}: set it, or unset it"
        ) from error
