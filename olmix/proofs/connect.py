"""Whether checked links reach the claim. (Filled below.)"""
