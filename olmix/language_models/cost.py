"""What calls cost: estimated before the first one, counted after each, never above the cap."""

from __future__ import annotations

import dataclasses
import math
import threading

from olmix.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Price:
    """Dollars per million tokens."""

    input_per_million: float
    output_per_million: float

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Dollars for so many tokens."""
        return (input_tokens * self.input_per_million + output_tokens * self.output_per_million) / 1e6


class Meter:
    """The bill of one engine, shared by its threads. Without a price everything is free."""

    def __init__(self, price: Price | None, cap_dollars: float | None, share: float = 1.0) -> None:
        """`share` is the part of the cap that this task may spend, where several divide it."""
        self.price = price
        self.whole = cap_dollars
        self.share = share
        self.cap = None if cap_dollars is None else cap_dollars * share
        self.spent = 0.0
        self._lock = threading.Lock()

    def estimate(self, input_tokens: int, output_tokens: int) -> float:
        """Dollars for so many tokens."""
        return self.price.of(input_tokens, output_tokens) if self.price else 0.0

    def admit(self, input_tokens: int, output_tokens: int) -> float:
        """The estimated dollars of work that is about to begin.

        Raises:
          UserError: if the work could end above the cap.
        """
        dollars = self.estimate(input_tokens, output_tokens)
        if self.price is not None and self.cap is not None and self.spent + dollars > self.cap:
            so_far = f"${self.spent:.2f} spent so far, " if self.spent else ""
            called = "what was answered is kept, nothing more was called" if self.spent else "nothing was called"
            part = f", of which this shard has ${self.cap:.2f}" if self.share < 1 else ""
            enough = math.ceil(100 * (self.spent + dollars) / self.share) / 100 if self.share else 0.0
            to = f" (to ${enough:.2f})" if enough else ""
            raise UserError(
                f"This would cost up to ${dollars:.2f} ({input_tokens:,} tokens in, at most {output_tokens:,} out; {so_far}"
                f"cap_dollars={self.whole:g}{part}): {called}. Raise the cap{to}, ask about fewer items, or lower "
                "max_new_tokens."
            )
        return dollars

    def spend(self, input_tokens: int, output_tokens: int) -> None:
        """Adds a finished call."""
        with self._lock:
            self.spent += self.estimate(input_tokens, output_tokens)


#: The bill of what runs on one's own machine.
FREE = Meter(None, None)
