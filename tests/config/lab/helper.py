"""Not an experiment: it has no function of that name."""
