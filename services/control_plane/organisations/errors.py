from services.control_plane.kit.problems import AlreadyExistsError, ConflictError, InUseError


class OrganisationExistsError(AlreadyExistsError):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is an organisation {name} already.")


class OrganisationInUseError(InUseError):
    def __init__(self, name: str) -> None:
        super().__init__(f"Accounts, APIs, applications or webhooks belong to {name}: delete them first.")


class KeptOrganisationError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(f"The organisation {name} stays: it is the platform's own.")


class TakenContextError(ConflictError):
    def __init__(self, context: str) -> None:
        super().__init__(f"An API has the context {context}: it would be among those of the organisation.")
