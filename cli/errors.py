class CommandError(Exception):
    """What keeps a command from its work, in words for whom ran it."""
