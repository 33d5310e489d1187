"""The data tree, token files, the scan, tokenising text into shards, sampling batches by mixture."""
