"""The frame core: RFC 6455's rules over bytes, without I/O."""
