"""Prompt files: `<name>.v<version>.txt`. A version that was released is never edited; `tests/proofs/test_prompts.py` watches."""
