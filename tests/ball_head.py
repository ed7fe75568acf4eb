"""Middle, LPS mm, and radius of the ball that stands for a head in the tests of the page."""

import numpy as np

MIDDLE_MM, RADIUS_MM = np.array([10.0, -20.0, 30.0]), 80.0
