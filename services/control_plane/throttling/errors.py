from services.control_plane.kit.problems import AlreadyExistsError, ConflictError, InUseError, InvalidError


class PolicyExistsError(AlreadyExistsError):
    def __init__(self, name: str, level: str) -> None:
        super().__init__(f"There is a policy {name} of level {level} already.")


class PolicyInUseError(InUseError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is used by an API, an application or a subscription.")


class BuiltInPolicyError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is built in: it can be changed, but not deleted.")


def level_needed(name: str) -> InvalidError:
    return InvalidError.of("level", f"{name} stands on several levels: say which, as in ?level=application")


def cannot_rename(field: str) -> InvalidError:
    return InvalidError.of(field, "can't be changed: make another policy")


def unknown_policy(field: str, name: str, level: str) -> InvalidError:
    return InvalidError.of(field, f"there is no policy {name!r} of level {level}")
