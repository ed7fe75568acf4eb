"""Restore the missing vault."""

from __future__ import annotations

from meshimplant.complete.registry import METHODS, Completion, complete_skull

__all__ = ["METHODS", "Completion", "complete_skull"]
