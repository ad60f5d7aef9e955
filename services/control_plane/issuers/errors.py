from services.control_plane.kit.problems import AlreadyExistsError, InUseError, InvalidError


class NoGoodAnswerError(Exception):
    """An issuer did not say what it was asked for. The message holds nothing of what it said."""


class IssuerExistsError(AlreadyExistsError):
    def __init__(self) -> None:
        super().__init__("There is an issuer of this name, or of this URL, already.")


class IssuerInUseError(InUseError):
    def __init__(self, name: str) -> None:
        super().__init__(f"APIs trust {name}, or clients of it are mapped to applications.")


def unreadable(error: NoGoodAnswerError, *, at_jwks_uri: bool) -> InvalidError:
    return InvalidError.of("jwks_uri" if at_jwks_uri else "issuer", str(error))


def cannot_move() -> InvalidError:
    return InvalidError.of("issuer", "can't be changed: its clients were mapped by tokens of this one")


def names_others() -> InvalidError:
    return InvalidError.of("application_claim", "can't be changed while clients that it named are mapped")


def ours() -> InvalidError:
    return InvalidError.of("issuer", "is this platform itself, which is trusted anyhow")
