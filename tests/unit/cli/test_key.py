import hashlib
import re
from base64 import urlsafe_b64decode

import yaml
from click.testing import CliRunner, Result

from gateway.cli.main import main


def made() -> tuple[str, str, Result]:
    done = CliRunner().invoke(main, ["key"])
    assert done.exit_code == 0
    found = re.fullmatch(r"key     (\S+)\nsha256  ([0-9a-f]{64})\n", done.stdout)
    assert found
    return found[1], found[2], done


def test_a_key_is_random_recognisable_and_printed_with_its_hash() -> None:
    key, digest, _ = made()

    assert key.startswith("cgw_")
    assert len(urlsafe_b64decode(key.removeprefix("cgw_") + "=")) == 32
    assert digest == hashlib.sha256(key.encode()).hexdigest()
    assert made()[0] != key


def test_how_to_configure_it_stands_beside_what_a_script_reads() -> None:
    _, digest, done = made()
    example = re.search(r"callers:\n(?:  .*\n)+", done.stderr)

    assert example
    assert yaml.safe_load(example[0]) == {"callers": {"name-of-the-caller": {"api_key_sha256": digest}}}
