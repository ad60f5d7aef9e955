"""The commands that serve a plane.

Each imports its plane when it runs: neither needs the other's packages.
"""

from typing import Annotated

import typer

Host = Annotated[str, typer.Option(envvar="FRAMEGATE_HOST", help="The address to listen on.")]


def control_plane(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="FRAMEGATE_CONTROL_PLANE_PORT", min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(envvar="FRAMEGATE_CONTROL_PLANE_WORKERS", min=1)] = 1,
    migrate: Annotated[bool, typer.Option(help="Apply migrations first.")] = True,
) -> None:
    """Serve the control plane: the REST APIs and OAuth 2.0."""
    from services.control_plane.__main__ import serve  # noqa: PLC0415 - see above

    serve(host=host, port=port, workers=workers, migrate=migrate)


def data_plane(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="FRAMEGATE_DATA_PLANE_PORT", min=1, max=65535, help="For ws.")] = 9099,
    tls_port: Annotated[
        int,
        typer.Option(envvar="FRAMEGATE_DATA_PLANE_TLS_PORT", min=1, max=65535, help="For wss, with a certificate."),
    ] = 8099,
    ops_port: Annotated[
        int,
        typer.Option(envvar="FRAMEGATE_DATA_PLANE_OPS_PORT", min=1, max=65535, help="Health, metrics, configuration."),
    ] = 9100,
    workers: Annotated[
        int | None, typer.Option(envvar="FRAMEGATE_DATA_PLANE_WORKERS", min=1, help="By default one for each core.")
    ] = None,
) -> None:
    """Serve a pod of the data plane: the gateway."""
    from services.data_plane.__main__ import serve  # noqa: PLC0415 - see above

    serve(host=host, port=port, tls_port=tls_port, ops_port=ops_port, workers=workers)
