"""`python -m runtime_server`."""

from runtime_server.command import app

if __name__ == "__main__":
    app()
