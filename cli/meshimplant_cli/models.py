"""The verb `models`: list the packaged models and networks."""

from __future__ import annotations

from meshimplant_cli.options import PrintOptions
from meshimplant_cli.terminal import show, table


def models(*, print_options: PrintOptions = PrintOptions()) -> None:
    """List the packaged models and networks: kind, origin, and what the licence permits."""
    from meshimplant.complete.models import packaged_models
    from meshimplant.networks.packaged import packaged_weights

    models_by_file = packaged_models() | packaged_weights()
    rows = [
        (name, about["what"], str(about["skulls"]), about["licence"])
        for name, about in models_by_file.items()
    ]
    show(
        models_by_file, as_json=print_options.json, text=table([("file", "what", "skulls", "licence"), *rows])
    )
