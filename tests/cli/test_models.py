"""models on files."""

from __future__ import annotations

from collections.abc import Callable


def test_packaged_models_are_listed_with_their_licences(cli: Callable) -> None:
    from meshimplant.networks.packaged import packaged_weights

    listed = cli("models", "--json").json
    models = {"vault_mean.npz", "shape_model.npz", "image_model.npz", "open_mean.npz", "lower_mean.npz"}
    assert set(listed) == models | set(packaged_weights())
    text = cli("models").out
    assert "non-commercial" in text
    assert "BSD-2" in text
