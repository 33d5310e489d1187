"""Side-by-side measurements; each module is one command, prints its figures, and writes to a temporary folder only."""
