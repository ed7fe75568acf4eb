"""DICOM: studies, the series that shows the bone best, its slices and pixels; segmentations and contours."""
