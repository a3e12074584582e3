"""Play the script, and photograph each dashboard with the series that came of it: `make pictures`.

Needs Prometheus and Chromium. The pictures are drawn by `observability/picture.py` after the dashboards' own JSON; they
are not Grafana's.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from observability.files import CHART, ROOT, dashboards
from observability.picture import WIDTH, Span, page
from observability.stage.prometheus import SCRAPED, start_prometheus
from observability.stage.script import Script
from observability.stage.site import Site

IMAGES = ROOT / "docs" / "images"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Write docs/images/<uid>.png."""
    parser = argparse.ArgumentParser(prog="python -m observability.pictures", description=__doc__)
    parser.add_argument("--pause-seconds", type=float, default=12.0, help="how long things are usual between two acts")
    pause_seconds = parser.parse_args().pause_seconds
    with ExitStack() as children:
        folder = Path(children.enter_context(tempfile.TemporaryDirectory()))
        site = Site(folder, children)
        rules = ROOT / CHART / "rules" / "case-gateway.yaml"
        target = f"127.0.0.1:{site.metrics_port}"
        prometheus = start_prometheus(folder, site.prometheus_port, target, rules, children)
        site.start()
        prometheus.until(SCRAPED)
        began = time.time() + 5
        Script(site, prometheus, pause_seconds).play()
        span = Span(began, time.time())
        for dashboard in dashboards():
            text, height = page(dashboard, prometheus, span)
            source = folder / f"{dashboard['uid']}.html"
            source.write_text(text, encoding="utf-8")
            _photograph(source, IMAGES / f"{dashboard['uid']}.png", height)


def _photograph(source: Path, target: Path, height: int) -> None:
    browser = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if browser is None:
        message = "Chromium is not installed: apt-get install chromium"
        raise FileNotFoundError(message)
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(  # noqa: S603 - a browser by its full path, on a page of our own
        [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--window-size={WIDTH},{height}", f"--screenshot={target}", source.as_uri(),
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip


if __name__ == "__main__":
    main()
