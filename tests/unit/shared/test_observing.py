import pytest

from services.control_plane.settings import Settings as ControlPlaneSettings
from services.data_plane.settings import Settings as DataPlaneSettings

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
URL = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: URL}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": URL}, True),
        ({ENDPOINT: URL, "OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: URL, "OTEL_SDK_DISABLED": "maybe"}, True),
        ({ENDPOINT: URL, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: URL, "OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({f"FRAMEGATE_{ENDPOINT}": URL}, False),
    ],
)
def test_traces_are_wanted_where_the_standard_variables_say_so(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], wanted: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert DataPlaneSettings().traces is wanted
    assert ControlPlaneSettings(demo=True).traces is wanted
