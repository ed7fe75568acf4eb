"""Many cases in one run, on the processes of Dask; the only room that imports dask and distributed."""
