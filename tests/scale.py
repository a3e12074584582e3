"""How much is tried: a few seconds' worth with `make test`, all of it with `make test-faults`.

Properties are tried on the same inputs in each `make test`, and on new ones in each `make fuzz`.
"""

import os

FULL = bool(os.environ.get("GATEWAY_FAULTS"))
