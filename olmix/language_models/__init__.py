"""Language models for hire: generating text with one interface, tuning with trl, and what fits on which hardware."""
