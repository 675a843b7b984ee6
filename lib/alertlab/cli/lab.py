"""``alertlab lab``: JupyterLab on the notebooks."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from alertlab.errors import BadInput


def lab(
    folder: Annotated[Path, typer.Argument(help="The folder of notebooks.")] = Path("notebooks"),
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Open JupyterLab on the notebooks."""
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}; name the folder of the notebooks")
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder.resolve()}"]
    if not browser:
        command.append("--no-browser")
    if os.geteuid() == 0:  # a container's only user; JupyterLab wants to be told
        command.append("--allow-root")
    # Replaces this process, so that Ctrl-C and signals reach JupyterLab itself.
    os.execv(sys.executable, command)
