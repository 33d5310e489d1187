"""What can a mixture be, if the final run is a thousand times longer than the proxies'?"""
