"""Is the best part of the data better than all of it? Five topic distributions, five thresholds."""
