from services.control_plane.kit.problems import ConflictError


class DecidedError(ConflictError):
    def __init__(self, state: str) -> None:
        super().__init__(f"It is not open any more, but {state}.", state=state)


class TooManyWebhooksError(ConflictError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"There are {limit} webhooks at most. Delete one that is not used.")


class NotSentError(ConflictError):
    def __init__(self) -> None:
        super().__init__("The event is on its way already.")
