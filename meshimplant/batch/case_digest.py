"""The digest of all that the result of a case depends on; a case whose digest is known is not run again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from meshimplant.batch.batch_case import BatchCase
from meshimplant.batch.batch_verbs import BatchVerb
from meshimplant.errors import FileReadError
from meshimplant.io.payload import sha256_of
from meshimplant.runtime.versions import installed_versions

#: Endings of headers whose voxels are in files beside them.
_DETACHED = (".nhdr", ".mhd")


def digest_of(case: BatchCase, verb: BatchVerb, *, ending: str, metrics: bool) -> str:
    """Return the SHA-256 over the bytes of a case's files, its options, the verb and the versions.

    Names and places of files do not count, except where an option names them. A file that is missing or
    cannot be read counts as such: the verb says so, and once it is there the digest is another one.
    """
    roles = {
        role: path for role, path in case.files().items() if role != "truth" or metrics or verb != "design"
    }
    facts = {
        "verb": verb,
        "ending": ending,
        "metrics": metrics,
        "files": {role: content_digest(path) for role, path in roles.items()},
        "prediction_is": case.prediction_is,
        "options": [_word_digest(word) for word in case.options],
        "versions": installed_versions(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file with what lies beside its header, or of all files in a folder."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
    elif path.suffix.lower() in _DETACHED:
        files = sorted(each for each in path.parent.glob(f"{path.stem}.*") if each.is_file())
    else:
        files = [path]
    try:
        if len(files) == 1:
            return sha256_of(files[0])
        parts = [f"{sha256_of(each)} {each.relative_to(path.parent).as_posix()}" for each in files]
    except (FileReadError, OSError):
        return "unreadable"
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _word_digest(word: str) -> str:
    path = Path(word)
    return f"{path.name} {content_digest(path)}" if path.is_absolute() and path.is_file() else word
