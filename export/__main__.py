"""`python -m export`: build the catalogue's artifacts into the registry."""

import typer
from rich.markup import escape

from export.commands.build import build
from export.commands.diff import diff
from export.commands.evaluate import evaluate
from export.commands.listing import list_recipes
from export.commands.new import new
from export.commands.options import errors
from export.commands.report import report
from export.commands.sign import keygen, sign
from export.commands.verify import verify
from export.errors import ExportError
from registry import RegistryError

app = typer.Typer(
    help="Build models into verified ONNX artifacts, from recipes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("build")(build)
app.command("new")(new)
app.command("evaluate")(evaluate)
app.command("list")(list_recipes)
app.command("verify")(verify)
app.command("keygen")(keygen)
app.command("sign")(sign)
app.command("diff")(diff)
app.command("report")(report)


def main() -> None:
    """Run the command line; a known error is one line and exit status 1."""
    try:
        app()
    except (ExportError, RegistryError) as exc:
        errors.print(f"[red]error[/] {escape(str(exc))}", soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
