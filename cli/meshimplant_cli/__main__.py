"""Run the command line as ``python -m meshimplant_cli``."""

from meshimplant_cli.main import main

main()
