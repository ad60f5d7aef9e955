"""The `framegate` command."""

import sys
from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from cli import connect, demo, login, migrate, pipeline, planes, resource_commands, tail, tokens, wso2
from cli.errors import CommandError

_WRONG_CALL = 2


class _Framegate(TyperGroup):
    """Ends with 1 where it is called wrongly: Click's 2 is what `diff` says where something would change."""

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            return super().main(*args, **options)
        except SystemExit as end:
            if end.code == _WRONG_CALL and not isinstance(end.__context__, typer.Exit):  # no command ended with it
                end.code = 1
            raise


app = typer.Typer(
    name="framegate",
    cls=_Framegate,
    help="WebSocket API management: publish, subscribe, throttle and relay WebSocket APIs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.run)
app.command("control-plane")(planes.control_plane)
app.command("data-plane")(planes.data_plane)
app.add_typer(migrate.app, name="migrate")
app.command("login")(login.login)
app.command("logout")(login.logout)
app.command("whoami")(login.whoami)
app.command("token")(tokens.show)
app.command("connect")(connect.run)
app.command("tail")(tail.tail)
app.command("apply")(pipeline.apply)
app.command("diff")(pipeline.diff)
app.command("export")(pipeline.export)
app.command("validate")(pipeline.validate)
app.command("import-wso2")(wso2.import_wso2)
resource_commands.join(app)


def main() -> None:
    try:
        app()
    except CommandError as error:
        sys.exit(f"framegate: {error}")
    except ValidationError as error:
        if not error.title.endswith("Settings"):
            raise
        sys.exit(f"framegate: these settings are not valid\n{_explain(error)}")


def _explain(error: ValidationError) -> str:
    """Name the environment variable behind each field, and never its value: it may be a secret."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        variable = "_".join(str(part) for part in problem["loc"]).upper()
        said = problem["msg"].removeprefix("Value error, ")
        lines.append(f"  FRAMEGATE_{variable}: {said}" if variable else f"  {said}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
