"""Pictures and pages: the preview sheet, the viewer, the report."""
