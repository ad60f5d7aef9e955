from services.control_plane.kit.problems import AlreadyExistsError, InvalidError


class BlockExistsError(AlreadyExistsError):
    def __init__(self, kind: str, value: str) -> None:
        super().__init__(f"The {kind} {value} is blocked already.")


def nothing_to_block(kind: str) -> InvalidError:
    return InvalidError.of("value", f"there is no {kind} of this id")
