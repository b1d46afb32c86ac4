"""The rules of the repository, each one a test with a sentence."""
