from services.control_plane.kit.problems import AlreadyExistsError, ConflictError, InUseError, InvalidError


class EnvironmentExistsError(AlreadyExistsError):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is an environment {name} already.")


class EnvironmentInUseError(InUseError):
    def __init__(self, name: str) -> None:
        super().__init__(f"APIs are deployed to {name} by name: take it from their environments first.")


class KeptEnvironmentError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(f"The environment {name} stays: pods without a label of their own are in it.")


def by_setting(field: str) -> InvalidError:
    return InvalidError.of(field, f"is what FRAMEGATE_{field.upper()} says: change it there")
