"""What the service's two commands share: flags that fail in one sentence, and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from alertlab.errors import AlertlabError, BadInput


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise BadInput(f"{message}; {self.prog} --help lists the flags")


def run_command(name: str, command: Callable[[], None]) -> int:
    """Run a command and return its exit code; what went wrong goes to stderr as a sentence."""
    try:
        command()
    except AlertlabError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130  # the shell's code for a command that SIGINT ended
    return 0
