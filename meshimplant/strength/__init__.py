"""Screening of a part by linear elasticity: how far it bends, and how much of its strength a load uses."""
