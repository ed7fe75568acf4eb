"""The version of meshimplant, read by the build and written into every file."""

__version__ = "0.1.0"
