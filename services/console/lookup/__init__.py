"""`ami-tracker lookup`: looks up images with real calls, and explains each result.

It uses the Finder of the lookup function, which does not write.
"""
