"""Prompt files: `<name>.v<version>.txt`. A version that was released is never edited;
`tests/proofs/pipeline/test_prompts.py` watches.
"""
