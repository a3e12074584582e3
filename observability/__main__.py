"""Write what is made from code: `docs/metrics.md`, `docs/logs.md`, and the chart's dashboards and rules."""

from observability.files import ROOT, files


def main() -> None:
    """Write every file."""
    for path, text in files().items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
