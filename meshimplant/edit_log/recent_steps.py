"""`RecentSteps`: the steps of the latest states of a session, so that undo is at once back at them."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from meshimplant.design.kept_design import KeptDesign

#: So many states are kept, about 100 MB each on a clinical case; to go further back takes as long as an edit.
_STATES = 8


class RecentSteps:
    """The steps of the latest states.

    Parameters
    ----------
    kept : KeptDesign
        Of the design that was opened; its label and inputs are those of all states.
    """

    def __init__(self, kept: KeptDesign) -> None:
        self._first = kept
        self._states = deque([kept.steps], maxlen=_STATES)

    def with_state(self, kept: KeptDesign) -> KeptDesign:
        """Add a state; return it with the steps of the others, from which the next one is made."""
        self._states.append(kept.steps)
        steps = {key: each for state in self._states for key, each in state.items()}
        values = kept.values
        if len(self._states) == self._states.maxlen:
            stored = [each.tree for each in steps.values() if each.is_stored]
            values = values.narrowed([kept.start, *stored])
        told = self._first
        return replace(kept, values=values, steps=steps, inputs=told.inputs, label=told.label)
