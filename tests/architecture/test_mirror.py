"""Every source file has a test.

The tree of tests mirrors that of the sources, less `services`: `services/data_plane/frames/scanner.py` has
`tests/unit/data_plane/frames/test_scanner.py`, or one under `integration` or `e2e`; or a test imports the file.
"""

from pathlib import Path, PurePath

from tests.architecture.repository import ROOT, read, tracked

PARTS = ("unit", "integration", "e2e")

# A domain of the control plane is tested through its doors, in files that are named after them.
DOORS = ("test_router.py", "test_server.py")

CONTROL_PLANE, POD = "tests/integration/control_plane", "tests/integration/data_plane"

# What is tested by a file of another name: it can't do its work without its neighbours.
TESTED_BY = {
    "cli/admin_resources.py": "tests/integration/cli/test_resource_commands.py",
    "cli/credentials.py": "tests/integration/cli/test_login.py",
    "services/control_plane/__main__.py": "tests/integration/cli/test_planes.py",
    "services/control_plane/catalogue/counts.py": f"{CONTROL_PLANE}/identity/test_totals.py",
    "services/control_plane/catalogue/edits.py": f"{CONTROL_PLANE}/identity/test_totals.py",
    "services/control_plane/catalogue/mirror.py": f"{CONTROL_PLANE}/catalogue/test_pusher.py",
    "services/control_plane/catalogue/models.py": f"{CONTROL_PLANE}/catalogue/test_outbox.py",
    "services/control_plane/catalogue/repository.py": f"{CONTROL_PLANE}/catalogue/test_outbox.py",
    "services/control_plane/chores.py": f"{CONTROL_PLANE}/test_app.py",
    "services/control_plane/console.py": f"{CONTROL_PLANE}/portal/test_oidc_router.py",
    "services/control_plane/kit/approvals.py": f"{CONTROL_PLANE}/workflow/test_approvals.py",
    "services/control_plane/kit/audit.py": f"{CONTROL_PLANE}/publisher/test_router.py",
    "services/control_plane/kit/body_limit.py": f"{CONTROL_PLANE}/kit/test_problems.py",
    "services/control_plane/kit/clock.py": f"{CONTROL_PLANE}/oauth/test_server.py",
    "services/control_plane/kit/columns.py": f"{CONTROL_PLANE}/publisher/test_router.py",
    "services/control_plane/kit/document_body.py": f"{CONTROL_PLANE}/apply/test_router.py",
    "services/control_plane/kit/provide.py": f"{CONTROL_PLANE}/test_app.py",
    "services/control_plane/kit/redis_cluster.py": "tests/integration/test_redis_cluster.py",
    "services/control_plane/kit/routing.py": f"{CONTROL_PLANE}/kit/test_idempotency.py",
    "services/control_plane/kit/schemas.py": f"{CONTROL_PLANE}/throttling/test_router.py",
    "services/control_plane/kit/tracing.py": f"{CONTROL_PLANE}/test_traces.py",
    "services/control_plane/kit/unit_of_work.py": f"{CONTROL_PLANE}/kit/test_idempotency.py",
    "services/control_plane/metrics.py": f"{CONTROL_PLANE}/test_health.py",
    "services/control_plane/outside.py": f"{CONTROL_PLANE}/issuers/test_router.py",
    "services/control_plane/workflows.py": f"{CONTROL_PLANE}/workflow/test_router.py",
    "services/control_plane/portal/api_keys_router.py": f"{CONTROL_PLANE}/portal/test_applications_router.py",
    "services/control_plane/portal/categories_router.py": f"{CONTROL_PLANE}/portal/test_documents_router.py",
    "services/control_plane/portal/consent.py": f"{CONTROL_PLANE}/portal/test_consent_router.py",
    "services/control_plane/portal/fleet_router.py": f"{CONTROL_PLANE}/portal/test_admin_router.py",
    "services/control_plane/portal/external.py": f"{CONTROL_PLANE}/portal/test_oidc_router.py",
    "services/control_plane/portal/forms.py": f"{CONTROL_PLANE}/portal/test_sign_in_router.py",
    "services/control_plane/portal/frame.py": f"{CONTROL_PLANE}/portal/test_errors.py",
    "services/control_plane/portal/home_router.py": f"{CONTROL_PLANE}/portal/test_errors.py",
    "services/control_plane/portal/keys_router.py": f"{CONTROL_PLANE}/portal/test_applications_router.py",
    "services/control_plane/portal/life_router.py": f"{CONTROL_PLANE}/portal/test_publisher_router.py",
    "services/control_plane/portal/notes.py": f"{CONTROL_PLANE}/portal/test_publisher_router.py",
    "services/control_plane/portal/pages.py": f"{CONTROL_PLANE}/portal/test_consent_router.py",
    "services/control_plane/portal/people_router.py": f"{CONTROL_PLANE}/portal/test_admin_router.py",
    "services/control_plane/portal/pictures_router.py": f"{CONTROL_PLANE}/portal/test_documents_router.py",
    "services/control_plane/portal/policies.py": f"{CONTROL_PLANE}/portal/test_applications_router.py",
    "services/control_plane/portal/policies_router.py": f"{CONTROL_PLANE}/portal/test_admin_router.py",
    "services/control_plane/portal/services_router.py": f"{CONTROL_PLANE}/portal/test_admin_router.py",
    "services/control_plane/portal/store_router.py": f"{CONTROL_PLANE}/portal/test_applications_router.py",
    "services/control_plane/portal/uploads.py": f"{CONTROL_PLANE}/portal/test_documents_router.py",
    "services/control_plane/routers.py": f"{CONTROL_PLANE}/test_app.py",
    "services/control_plane/store/external_key_admin_router.py": f"{CONTROL_PLANE}/store/test_external_keys.py",
    "services/control_plane/store/registration_router.py": f"{CONTROL_PLANE}/store/test_registration.py",
    "services/data_plane/__main__.py": "tests/integration/cli/test_planes.py",
    "services/data_plane/account.py": f"{POD}/test_throttle.py",
    "services/data_plane/admit.py": f"{POD}/test_refusals.py",
    "services/data_plane/authenticate.py": f"{POD}/test_refusals.py",
    "services/data_plane/frames/codes.py": "tests/unit/data_plane/frames/test_close.py",
    "services/data_plane/gateway.py": f"{POD}/test_refusals.py",
    "services/data_plane/http1.py": f"{POD}/test_listener.py",
    "services/data_plane/query.py": f"{POD}/test_credentials.py",
    "services/data_plane/streams.py": f"{POD}/test_catalogue.py",
    "services/data_plane/tickets.py": f"{POD}/test_credentials.py",
    "services/data_plane/quota.py": f"{POD}/throttle/test_allotment.py",
    "services/data_plane/ops.py": f"{POD}/test_drain.py",
    "services/data_plane/pump.py": "tests/unit/data_plane/test_relay.py",
    "services/data_plane/redis_failures.py": "tests/integration/data_plane/test_redis_client.py",
    "services/data_plane/redis_cluster.py": "tests/integration/test_redis_cluster.py",
    "services/data_plane/registry.py": f"{POD}/test_drain.py",
    "services/data_plane/telemetry.py": f"{POD}/test_drain.py",
    "services/data_plane/throttle/credit.py": f"{POD}/throttle/test_model.py",
    "services/data_plane/throttle/headers.py": f"{POD}/throttle/test_allotment.py",
    "services/data_plane/throttle/leases.py": f"{POD}/throttle/test_questions.py",
    "services/data_plane/throttle/meter.py": f"{POD}/test_throttle.py",
    "services/data_plane/throttle/slots.py": f"{POD}/throttle/test_allotment.py",
    "services/data_plane/worker.py": f"{POD}/test_workers.py",
    "shared/subscription.py": "tests/architecture/test_contract.py",
}

SOURCES = [path for path in tracked("cli/*.py", "services/*.py", "shared/*.py") if path.name != "__init__.py"]
TESTS = "\n".join(read(path) for path in tracked("tests/*.py") if path.name.startswith("test_"))


def folders(path: PurePath) -> list[Path]:
    """Return the folders in which tests of a file may stand."""
    inside = Path(*path.parts[1:-1] if path.parts[0] == "services" else path.parts[:-1])
    return [ROOT / "tests" / part / inside for part in PARTS]


def has_test(path: Path) -> bool:
    package, module = ".".join(path.parts[:-1]), path.stem
    imported = f"from {package}.{module} import" in TESTS or f"from {package} import {module}\n" in TESTS
    names = (f"test_{module.strip('_')}.py", *(DOORS if path.parts[:2] == ("services", "control_plane") else ()))
    return imported or any((folder / name).exists() for folder in folders(path) for name in names)


def test_a_file_has_a_test_that_mirrors_or_imports_it() -> None:
    assert {str(path) for path in SOURCES if not has_test(path)} <= TESTED_BY.keys()


def test_what_is_tested_elsewhere_is_still_there() -> None:
    assert {str(path) for path in SOURCES} >= TESTED_BY.keys()
    assert all((ROOT / test).exists() for test in TESTED_BY.values())
