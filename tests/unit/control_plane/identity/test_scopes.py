from typing import get_args

from services.control_plane.identity.scopes import ALL_SCOPES, BUILTIN_ROLES, Scope


def test_every_scope_is_in_a_role() -> None:
    assert set(ALL_SCOPES) == set(get_args(Scope))
    assert set(BUILTIN_ROLES["admin"]) == set(ALL_SCOPES)
    assert {scope for scopes in BUILTIN_ROLES.values() for scope in scopes} == set(ALL_SCOPES)


def test_roles_are_as_narrow_as_their_names() -> None:
    assert BUILTIN_ROLES["subscriber"] == ("store:subscribe",)
    assert all(scope.startswith("publisher:") for scope in BUILTIN_ROLES["publisher"])
