"""``python -m refnet``: the command line."""

from refnet.cli import main

raise SystemExit(main())
