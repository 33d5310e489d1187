"""Configs of allenai/olmix as experiments of ours, with a proof that both mean the same."""

from olmix.importing.importer import Imported, import_yaml
from olmix.importing.prove import Proof, prove
from olmix.importing.read_config import load
from olmix.importing.translate import translate
from olmix.importing.translation import Listed, Translation
from olmix.importing.write_module import Preset, write_module

__all__ = [
    "Imported",
    "Listed",
    "Preset",
    "Proof",
    "Translation",
    "import_yaml",
    "load",
    "prove",
    "translate",
    "write_module",
]
