"""What the console stands on, put together: sessions, and ways to sign in."""

from datetime import timedelta
from typing import Final

from services.control_plane.identity.external import ExternalSignInService
from services.control_plane.identity.oidc import Provider
from services.control_plane.identity.people import PeopleService
from services.control_plane.identity.sessions import SessionService
from services.control_plane.identity.sign_in import SignInService
from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.guesses import Guesses
from services.control_plane.kit.security import Sealer
from services.control_plane.oauth.grants import GrantService
from services.control_plane.portal.consent import ConsentService
from services.control_plane.portal.device_router import CodeGuesses
from services.control_plane.portal.external import CALLBACK_PATH, Door, Doors
from services.control_plane.portal.live_room import LiveRoom
from services.control_plane.portal.oidc_router import Attempts
from services.control_plane.portal.sign_in_router import SignInTickets, SignUps
from services.control_plane.settings import Settings

_SIGN_INS: Final = 6  # at the OpenID provider at once: each takes a thread

_FREE_FAILED_SIGN_INS: Final = 20
"""At the OpenID provider, by address: people share some."""


def build_sessions(settings: Settings, database: Database, clock: Clock) -> SessionService:
    idle, longest = timedelta(seconds=settings.session_idle_seconds), timedelta(seconds=settings.session_seconds)
    return SessionService(database, idle, longest, clock)


def provide_console(
    settings: Settings, sessions: SessionService, grants: GrantService, people: PeopleService, clock: Clock
) -> dict[type, object]:
    consents = ConsentService(Sealer(settings.sealing_key, "consent"), settings.public_url, clock)
    tickets = SignInTickets(Sealer(settings.sealing_key, "sign-in"), settings.public_url, clock)
    return {
        SessionService: sessions,
        SignInService: SignInService(grants, clock),
        ConsentService: consents,
        SignInTickets: tickets,
        SignUps: SignUps(settings.self_registration, Guesses(clock)),
        Attempts: Attempts(Sealer(settings.sealing_key, "oidc"), settings.public_url, clock),
        CodeGuesses: CodeGuesses(Guesses(clock)),
        LiveRoom: LiveRoom(),
        Doors: _build_doors(settings, people, clock),
    }


def _build_doors(settings: Settings, people: PeopleService, clock: Clock) -> Doors:
    client = settings.oidc_client
    if client is None:
        return Doors(None)
    # Strangers come by it: none of them waits on a thread for another.
    provider = Provider(client, settings.public_url + CALLBACK_PATH, Bulkhead(_SIGN_INS, 0.0), clock)
    sign_ins = ExternalSignInService(client.issuer, settings.oidc_roles_claim, people, clock)
    return Doors(Door(provider, sign_ins, Guesses(clock, _FREE_FAILED_SIGN_INS)))
