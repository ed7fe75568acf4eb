"""Voxel arrays with their place in the patient: grids, volumes, distances, occupancy."""
