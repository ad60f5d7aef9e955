class BenchmarkError(Exception):
    """The benchmark can't go on; the message is one line for who runs it."""

    exit_code = 1


class MissingError(BenchmarkError):
    """The machine lacks something; the message says how to get it."""

    exit_code = 2


class LoadError(BenchmarkError):
    """What was measured refused, stalled, lost or altered what the generator sent."""
