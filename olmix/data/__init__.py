"""The data tree, token files, the scan, tokenising text into shards, sampling batches by mixture."""

from olmix.data.corpus_result import CorpusResult, Tokenising
from olmix.data.scan_result import HeldOut, ScanResult
from olmix.data.steps import LocalCorpus, Scan, open_manifest
from olmix.data.tree import QualityBucket, Source, Topic, Tree

__all__ = [
    "CorpusResult", "HeldOut", "LocalCorpus", "QualityBucket", "Scan", "ScanResult", "Source", "Tokenising", "Topic", "Tree",
    "open_manifest",
]  # fmt: skip
