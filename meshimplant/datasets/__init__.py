"""Data sets of skulls, virtual craniectomies, the phantom, and the models built from complete skulls."""
