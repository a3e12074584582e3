"""The gateway at work against the sandbox: `make run`, or `python -m examples.demo`."""
