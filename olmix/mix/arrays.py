"""The one kind of array of this room: float64 at run time; the stubs of numpy.linalg only promise a float."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
