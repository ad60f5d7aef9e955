"""On the PYTHONPATH of a process, and so of all that it starts, this has everything logged."""

import logging

logging.basicConfig(level=logging.DEBUG)
