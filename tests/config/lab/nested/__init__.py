"""A folder of experiments."""
