"""The direction of imports: which part may know which, and which library (docs: ARCHITECTURE.md, "Layout")."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = frozenset({"model", "errors", "clock", "version", "config.settings", "telemetry.events", "telemetry.tracing"})
"""What every part but `model` and `sandbox` may import."""
MAY_IMPORT = {
    "model": frozenset({"model"}),
    "errors": frozenset({"model"}),
    "clock": frozenset({"model"}),
    "version": frozenset[str](),
    "config": SHARED | {"config", "identity.keys"},
    "telemetry": SHARED | {"telemetry"},
    "backends": SHARED | {"backends"},
    "transport": SHARED | {"transport"},
    "ledger": SHARED | {"ledger"},
    "identity": SHARED | {"identity"},
    "http": SHARED | {"http", "ledger", "identity"},
    "dispatch": SHARED | {"dispatch", "ledger", "backends", "transport"},
    "checkpointing": SHARED | {"ledger"},
    "recordkeeping": SHARED | {"checkpointing", "ledger"},
    "upkeep": SHARED | {"ledger", "telemetry"},
    "tasks": frozenset[str](),
    "lines": SHARED | {"tasks", "ledger", "dispatch", "backends", "transport"},
    "left_behind": SHARED | {"ledger", "dispatch", "backends"},
    "reload": SHARED | {"config"},
    "caller_connection": SHARED | {"http.intake", "http.problems"},
    "server": SHARED | {"caller_connection"},
    "listener_tls": SHARED,
    "sandbox": frozenset({"sandbox"}),
    "app": SHARED
    | {
        "app",
        "backends",
        "config",
        "telemetry",
        "transport",
        "ledger",
        "identity",
        "http",
        "upkeep",
        "tasks",
        "lines",
        "left_behind",
        "reload",
        "server",
        "listener_tls",
        "checkpointing",
        "recordkeeping",
    },
    "__main__": frozenset({"cli"}),
    "cli": SHARED | {"cli", "app", "config", "http", "ledger", "sandbox", "telemetry.otlp"},
}
"""Each part of the gateway, and the parts (or single modules) that it may import."""
OWNERS = {
    "litestar": {"http", "app"},
    "httpx2": {"transport", "cli"},
    "httpcore2": {"transport"},
    "sqlite3": {"ledger"},
    "aiosqlite": {"ledger"},
    "sqlalchemy": {"ledger"},
    "alembic": {"ledger"},
    "psycopg": {"ledger"},
    "asyncpg": {"ledger"},
    "prometheus_client": {"telemetry"},
    "structlog": {"telemetry"},
    "opentelemetry": {"telemetry"},
    "joserfc": {"transport", "identity"},
    "click": {"cli", "sandbox"},
    "rich": {"cli"},
}
"""Each library that is some part's own business, and the parts whose it is. The sandbox has libraries of its own."""

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "gateway").rglob("*.py"))
}


def imports(module: str) -> Iterator[str]:
    """Every module that `module` imports, anywhere in its file, by its full name."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            base = node.module or ""
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base


def part_of(module: str) -> str:
    """The part that a module of the gateway belongs to: `gateway.ledger.claim` to `ledger`."""
    return ([*module.split("."), ""])[1]


def permitted(module: str, part: str) -> bool:
    """Whether `part` may import `module`; `config.settings` permits that module only, `config` all of the package."""
    inside = module.removeprefix("gateway").removeprefix(".")
    return any(inside == allowed or inside.startswith(f"{allowed}.") for allowed in MAY_IMPORT[part])


OURS = [module for module in MODULES if part_of(module)]


def test_every_part_of_the_gateway_has_its_rule() -> None:
    assert {part_of(module) for module in OURS} <= set(MAY_IMPORT)


@pytest.mark.parametrize("module", OURS)
def test_a_module_imports_only_the_parts_it_may_know(module: str) -> None:
    part = part_of(module)
    own = [name for name in imports(module) if name == "gateway" or name.startswith("gateway.")]

    assert [name for name in own if not permitted(name, part)] == []


@pytest.mark.parametrize("module", [module for module in OURS if part_of(module) != "sandbox"])
def test_a_module_imports_no_library_that_is_another_part_s_business(module: str) -> None:
    libraries = {name.split(".")[0] for name in imports(module)} & set(OWNERS)

    assert [name for name in sorted(libraries) if part_of(module) not in OWNERS[name]] == []
