"""The data tree, token files, the scan, tokenising text into shards, sampling batches by mixture."""

from olmix.data.scan_result import HeldOut, ScanResult
from olmix.data.steps import Scan, open_manifest
from olmix.data.tree import QualityBucket, Source, Topic, Tree

__all__ = ["HeldOut", "QualityBucket", "Scan", "ScanResult", "Source", "Topic", "Tree", "open_manifest"]
