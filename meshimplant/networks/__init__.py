"""Networks that complete a skull in the head's own frame: how they are made, trained and used.

Torch is imported in this room and nowhere else, and only when a name of it is used:

>>> from meshimplant import networks
>>> networks.read_config("head").data.base
'prior'
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
