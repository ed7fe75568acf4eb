"""`StepKeeper`: what each step of the line made, by everything that went into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshimplant.design.kept_values import KeptValues, digest_of
from meshimplant.report import Step


@dataclass(frozen=True)
class KeptStep:
    """The result of one step.

    Attributes
    ----------
    name : str
        Of the step.
    tree : Any
        Its result, as `KeptValues.tree` gives it.
    is_stored : bool
        Whether the arrays of the result are stored; if not, it is made again where it is used.
    step : Step or None
        What the report records; None for a computation that is no step of its own.
    """

    name: str
    tree: Any
    is_stored: bool
    step: Step | None


class StepKeeper:
    """Keeps what each step made under a key of everything that it was given.

    The key is the digest of the step's name, of all its arguments and of the installed versions. A step that
    is given the same is not run again; one that is given anything else is. So nothing has to state which
    fields of the prescription a step reads: it sees no others than those that it is given.

    Parameters
    ----------
    values : KeptValues
        Digests and arrays.
    versions : mapping of str to str
        Versions that can change a result.
    earlier : mapping of str to KeptStep, optional
        What an earlier run kept, by key.
    """

    def __init__(
        self,
        values: KeptValues,
        versions: Mapping[str, str],
        earlier: Mapping[str, KeptStep] | None = None,
    ) -> None:
        self.values = values
        self.versions = dict(versions)
        self.kept: dict[str, KeptStep] = {}
        self._earlier = dict(earlier or {})

    def key(self, name: str, inputs: Sequence[Any], parameters: Mapping[str, Any]) -> str:
        """Return the key of a step."""
        given = self.values.tree([list(inputs), dict(parameters)])
        return digest_of([name, self.versions, given])

    def find(self, key: str) -> KeptStep | None:
        """Return what an earlier run made of the same, and keep it; None where there is none."""
        found = self._earlier.get(key)
        if found is not None:
            self.kept[key] = found
        return found

    def keep(
        self, key: str, name: str, result: Any, *, step: Step | None = None, is_stored: bool = True
    ) -> Any:
        """Keep a result under its key; return its tree."""
        tree = self.values.tree(result)
        self.kept[key] = KeptStep(name, tree, is_stored, step)
        return tree
