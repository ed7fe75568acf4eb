"""Command line of meshimplant: parses, calls the library, prints; no geometry."""
