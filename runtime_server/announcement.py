"""What the terminal says once the server takes requests."""

import json

from rich.console import Console

from runtime_server.requests import EXAMPLE_TEXT
from runtime_server.settings import Settings


def base_url(host: str, port: int) -> str:
    """Where a browser on this machine reaches the server."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def curl_line(url: str) -> str:
    """A request to paste into a shell."""
    body = json.dumps({"text": EXAMPLE_TEXT})
    return f"curl -s {url}/predict -H 'content-type: application/json' -d '{body}'"


def announce(console: Console, settings: Settings, port: int) -> None:
    """Print the addresses; plain lines, so that they can be pasted."""
    url = base_url(settings.host, port)
    built = (settings.demo_root / "index.html").is_file()
    demo = f"{url}/demo/" if built else "not built yet: `make web`"
    console.print(f"\n[bold green]Samegraph[/] serves {settings.default_model} at {url}")
    console.print(f"  [bold]demo page[/]  {demo}")
    console.print(f"  [bold]API[/]        {url}/docs")
    console.print("  [bold]try it[/]")
    console.print(curl_line(url), soft_wrap=True, markup=False, highlight=False)
    console.print("Ctrl-C stops.\n")
    console.file.flush()
