"""A package of experiments in the shape of the real one, for the tests of `olmix.config`."""
