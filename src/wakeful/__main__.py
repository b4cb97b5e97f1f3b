"""`python -m wakeful` and the command `wakeful`."""

from __future__ import annotations

from wakeful.cli.app import app


def main() -> None:
    app()


if __name__ == "__main__":
    main()
