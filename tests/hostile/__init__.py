"""The real host against agents that lie."""
