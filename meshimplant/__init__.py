"""From a defective skull to a checked, printable cranial implant.

Every public name is listed in ``__init__.pyi`` and loaded when it is first used, so that
``import meshimplant`` costs next to nothing:

>>> import meshimplant
>>> meshimplant.ImplantSpec(thickness_mm=3.5).thickness_mm
3.5
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
