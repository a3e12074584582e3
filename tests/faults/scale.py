"""How much of the fault tests is run: a few seconds' worth with `make test`, all of it with `make test-faults`."""

import os

FULL = bool(os.environ.get("GATEWAY_FAULTS"))
