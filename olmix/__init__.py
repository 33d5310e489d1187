"""olmix: data-mixing and fine-tuning experiments for language models, declared in Python."""
