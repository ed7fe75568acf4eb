"""Networks that complete a skull in the head's own frame: their construction, training and use.

Torch is imported in this folder only, and not before one of the names below is used. `README.md` explains the
folder.

>>> from meshimplant import networks
>>> networks.read_config("head").data.base
'prior'
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
