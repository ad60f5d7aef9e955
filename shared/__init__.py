"""The contract between the planes: what the control plane writes into Redis and the pods read.

Nothing here does I/O. Models are frozen, and ignore fields that they don't know, so that an older pod follows a newer
control plane.
"""
