"""``python -m alertlab`` is the ``alertlab`` command."""

from alertlab.cli import main

main()
