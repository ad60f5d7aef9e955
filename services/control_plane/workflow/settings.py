"""What administrators choose for the whole installation."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict
from sqlmodel import Session

from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.merge_patch import patched
from services.control_plane.workflow import repository
from services.control_plane.workflow.choices import Choices
from services.control_plane.workflow.models import PlatformSettings


class ChoicesWrite(Choices):
    """What a patch may say: nothing that this version does not know."""

    model_config = ConfigDict(extra="forbid")


class SettingsService:
    def prepare(self, session: Session) -> None:
        """Make the row of a new database."""
        settings = repository.find_settings(session)
        session.add(settings)
        session.flush()

    def get(self, session: Session) -> PlatformSettings:
        return repository.find_settings(session)

    def patch(self, session: Session, patch: Mapping[str, Any], if_match: str | None) -> PlatformSettings:
        settings = repository.find_settings(session)
        preconditions.check(if_match, settings.row_version)
        before = settings.choices.model_dump()
        after = patched(ChoicesWrite.model_validate(before), patch).model_dump()
        changed = {name: str(value).lower() for name, value in after.items() if value != before[name]}
        if changed:
            settings.choices = Choices.model_validate(after)
            session.flush()
            audit.record(session, "settings.update", "settings", "settings", **changed)
        return settings
