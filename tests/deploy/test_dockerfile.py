"""The recipe of the image."""

import re

from tests.deploy.tools import ROOT, succeed, tool

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_hadolint_finds_nothing_wrong() -> None:
    assert succeed(tool("hadolint"), "--failure-threshold", "style", "Dockerfile") == ""


def test_no_exception_from_hadolint_is_made() -> None:
    assert "hadolint" not in DOCKERFILE
    assert not (ROOT / ".hadolint.yaml").exists()


def test_the_base_is_named_with_its_version_and_digest() -> None:
    [base] = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)

    assert re.search(r":3\.\d+\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}$", base)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON_IMAGE}"}


def test_what_is_installed_is_what_the_lock_names() -> None:
    installs = re.findall(r"pip .*? install ((?:.|\n)*?)\n(?!  )", DOCKERFILE)

    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert re.findall(r"--requirement (\S+)", installs[0]) == ["requirements.lock", "requirements-otel.lock"]
    assert "--no-deps --no-build-isolation ." in installs[1]


def test_the_image_runs_as_nobody_in_particular_and_without_a_shell() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["65532:65532"]
    assert re.findall(r"^(?:ENTRYPOINT|CMD) (.*)$", DOCKERFILE, re.MULTILINE) == [
        '["/opt/gateway/bin/gateway"]',
        '["serve"]',
    ]


def test_only_what_the_image_needs_is_sent_to_its_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = set(re.findall(r"^COPY ([^-].*) \./\S*$", DOCKERFILE, re.MULTILINE))

    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == {name for names in copied for name in names.split()}
