"""When the data changes, what of the old mixture can stay? The five stages of the reference's case study (arXiv:2602.12237)."""
