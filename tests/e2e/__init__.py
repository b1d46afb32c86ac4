"""End to end: the real program against a real target."""
