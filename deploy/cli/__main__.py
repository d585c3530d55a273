"""`python -m kamesh.deploy.cli` is the `kamesh` command."""

import sys

from kamesh.deploy.cli.command import main

sys.exit(main())
