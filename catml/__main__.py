"""`python -m catml` is `catml`."""

import sys

from catml.cli import main

sys.exit(main())
