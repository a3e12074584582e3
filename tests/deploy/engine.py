"""A container engine, where one runs, and the image built with it."""

import os
import shutil
from functools import cache

import pytest

from tests.deploy.tools import ROOT, Finished, run, succeed

IMAGE = "localhost/case-gateway:tested"
REVISION = "0123456789abcdef0123456789abcdef01234567"
HARDENED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp")
"""What the chart asks of Kubernetes."""


@cache
def engine() -> str:
    """docker or podman, whichever answers; the test is skipped where neither does."""
    for name in ("docker", "podman"):
        if shutil.which(name) and run(name, "info").returncode == 0:
            return name
    pytest.skip("no container engine runs here: docker and podman were tried")


@cache
def image() -> str:
    """The image, built from the Dockerfile on `base`."""
    if base() == own_base() and run(engine(), "pull", "--quiet", own_base()).returncode != 0:
        pytest.skip("the base image cannot be fetched here, and GATEWAY_TEST_BASE_IMAGE names no other")
    succeed("make", "image", f"PYTHON_IMAGE={base()}", f"IMAGE={IMAGE}", f"REVISION={REVISION}", seconds=900)
    return IMAGE


def base() -> str:
    """What the image is built on: GATEWAY_TEST_BASE_IMAGE where that is set, such as by .ci/run, else its own base."""
    return os.environ.get("GATEWAY_TEST_BASE_IMAGE") or own_base()


def own_base() -> str:
    """The base that the Dockerfile names."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    return next(line.split("=", 1)[1] for line in lines if line.startswith("ARG PYTHON_IMAGE="))


def inside(program: str) -> str:
    """What a Python program prints within a container as the chart would start it."""
    python = "--entrypoint=/opt/gateway/bin/python"
    return succeed(engine(), "run", "--rm", *HARDENED, "--network=host", python, image(), "-c", program)


def container(*words: str) -> Finished:
    return run(engine(), *words)
