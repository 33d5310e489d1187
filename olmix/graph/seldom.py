"""Which of the many things that a running step says of its progress are passed on."""

from __future__ import annotations

import time
from collections.abc import Callable


class Seldom:
    """Lets through what is said `seconds` after the last that was, and what must not be missed.

    That is the end; another hundredth, for how far an attempt came decides whether it was in vain; and the word for something
    else that begins where the last one stood, for it may be followed by a long silence.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._last: tuple[float, float, str] | None = None

    def due(self, done: float, total: float, note: str) -> bool:
        """Whether to pass this on; if so, it is the last that was."""
        now, share = self._clock(), done / total if total else 0.0
        if self._last is not None and done < total:
            then, before, said = self._last
            elsewhere, begins = share >= before + 0.01, share == before and note != said
            if now - then < self._seconds and not elsewhere and not begins:
                return False
        self._last = now, share, note
        return True
