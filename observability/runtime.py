"""*Runtime*: the processes themselves and their ledger."""

from typing import Any

from observability.dashboard import UIDS, dashboard, job, namespace
from observability.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Panel,
    Query,
    counts,
    graph,
    heatmap,
    placed,
    stat,
    timeline,
)
from observability.queries import increase, quantile, series

EACH = "{{instance}}"


def runtime() -> dict[str, Any]:
    """The dashboard as JSON."""
    rows = [
        ("", 4, [(6, each) for each in (_replicas(), _draining(), _youngest(), _queue_share())]),
        ("Rollouts", 7, [(12, _versions()), (12, _states())]),
        ("The configuration", 6, [(12, _reloads()), (12, _configuration())]),
        ("The ledger", 8, [(8, _commit()), (8, _commits()), (8, _failures())]),
        ("The processes", 8, [(8, _lag()), (8, _memory()), (8, _processor())]),
        ("", 7, [(12, _in_flight()), (12, _files())]),
        ("Evidence", 7, [(8, _receipts()), (8, _checkpoints()), (8, _broken())]),
    ]
    text = "Rollouts, event loop, memory, the ledger's commits, and drains."
    return dashboard(UIDS[2], "Case gateway / Runtime", text, placed(rows), [namespace(), job()])


def _replicas() -> Panel:
    return stat(
        "Replicas",
        "Processes that are scraped and say what they are.",
        Query(f"count ({series('build_info')})"),
        "none",
        [(RED, None), (GREEN, 1)],
        none="none",
    )


def _draining() -> Panel:
    return stat(
        "Draining",
        "Processes that were told to end, and see their calls to their end. Nothing new starts there.",
        Query(f"sum ({series('draining')})"),
        "none",
        [(GREEN, None), (YELLOW, 1)],
        none="none",
    )


def _youngest() -> Panel:
    started = series("process_start_time_seconds")
    return stat(
        "Last restart",
        "How long ago the youngest process began.",
        Query(f"time() - max ({started})"),
        "dtdurations",
        [(BLUE, None)],
        none="no process",
    )


def _queue_share() -> Panel:
    queued = f"sum (max by (namespace, job, backend) ({series('cases_pending')}))"
    return stat(
        "Queue, of what it may hold",
        "Waiting cases as a share of server.max_queued_cases. When it is full, callers get 503 overloaded.",
        Query(f"{queued} / max ({series('queue_limit_cases')})"),
        "percentunit",
        [(GREEN, None), (YELLOW, 0.5), (RED, 0.8)],
        decimals=1,
    )


def _versions() -> Panel:
    return graph(
        "Processes by version",
        "A rollout is one line that rises while another falls.",
        [Query(f"sum by (version) ({series('build_info')})", "{{version}}")],
        "short",
        stacked=True,
    )


def _states() -> Panel:
    return timeline(
        "Processes, serving or draining",
        "A gap is a process that is not scraped: ended, restarted, or out of reach.",
        [Query(f"max by (instance) ({series('draining')})", EACH)],
        [("serving", GREEN), ("draining", YELLOW)],
    )


def _reloads() -> Panel:
    changes = increase(series("config_reloads_total"), by="outcome")
    return counts(
        "Changes of the configuration",
        "Files that were taken up, or refused as a whole. Each replica counts its own.",
        Query(f"{changes} > 0", "{{outcome}}"),
    )


def _configuration() -> Panel:
    refused, needs_restart = (
        f"max by (instance) ({series('config_differs', matcher)})"
        for matcher in ('why="refused"', 'why="needs_restart"')
    )
    return timeline(
        "Processes, by whether they run by their file",
        "Refused: what the file holds has a fault, or would take away a backend that has work; the log names it. Needs "
        "a restart: server, store or audit were changed.",
        [Query(f"{refused} * 2 > 0 or {needs_restart}", EACH)],
        [("as the file says", GREEN), ("needs a restart", YELLOW), ("file refused", RED)],
    )


def _receipts() -> Panel:
    issued, removed = increase(series("receipts_total")), increase(series("operations_removed_total"))
    return graph(
        "Receipts and retention",
        "Receipts of operations that ended, and operations that retention took out of the ledger; their receipts stay.",
        [Query(issued, "receipts"), Query(removed, "operations removed")],
        "short",
        bars=True,
    )


def _checkpoints() -> Panel:
    signed = increase(series("checkpoints_total"), by="outcome")
    return counts(
        "Checkpoints",
        "Signatures over the chain of receipts; without audit.checkpoint_key_file there are none. Failed: the file "
        "cannot be used, and it is tried again.",
        Query(f"{signed} > 0", "{{outcome}}"),
    )


def _broken() -> Panel:
    broken = increase(series("evidence_broken_total"), by="what")
    return counts(
        "Evidence that was changed from outside",
        "Receipts, or links of their chain, that are not as the gateway wrote them. Each calls somebody: "
        "CaseGatewayEvidenceBroken.",
        Query(broken, "{{what}}"),
    )


def _commit() -> Panel:
    buckets = series("ledger_commit_seconds_bucket")
    return graph(
        "Commit latency",
        "How long it takes to make a transaction durable. The pace is kept up to some 100 ms; over that, look at the "
        "disk.",
        [Query(quantile(share, buckets), legend) for share, legend in ((0.5, "half"), (0.99, "99 %"))],
        "s",
        steps=[(GREEN, None), (ORANGE, 0.1), (RED, 0.5)],
    )


def _commits() -> Panel:
    buckets = increase(series("ledger_commit_seconds_bucket"), by="le")
    return heatmap(
        "Commits by duration",
        "Every commit of the ledger that had something to write.",
        Query(buckets, "{{le}}", heatmap=True),
        "s",
    )


def _failures() -> Panel:
    failed = increase(series("ledger_failures_total"), by="doing")
    return counts(
        "What the ledger could not do",
        "check: the periodic proof that it can be written. claim: nothing is sent. settle: outcomes wait in memory.",
        Query(failed, "{{doing}}"),
    )


def _lag() -> Panel:
    buckets = series("event_loop_lag_seconds_bucket")
    return graph(
        "Event-loop lag",
        "99 % of the timers fire at most so late. Over 30 ms, granted calls come too late to be used, and the pace "
        "suffers.",
        [Query(quantile(0.99, buckets, by="instance"), EACH)],
        "s",
        steps=[(GREEN, None), (ORANGE, 0.03), (RED, 0.25)],
    )


def _memory() -> Panel:
    return graph(
        "Memory",
        "Resident memory of each process.",
        [Query(f"max by (instance) ({series('process_resident_memory_bytes')})", EACH)],
        "bytes",
    )


def _processor() -> Panel:
    used = f"sum by (instance) (rate({series('process_cpu_seconds_total')}[$__rate_interval]))"
    return graph(
        "Processor time",
        "Cores that each process uses; one thread does most of it, so that 1 is full.",
        [Query(used, EACH)],
        "none",
        steps=[(GREEN, None), (ORANGE, 0.8)],
    )


def _in_flight() -> Panel:
    return graph(
        "Requests and calls under way",
        "Requests of callers that are being answered, and calls to upstreams. During a drain both fall to nothing.",
        [
            Query(f"sum ({series('http_requests_in_flight')})", "requests"),
            Query(f"sum ({series('upstream_in_flight')})", "calls"),
        ],
        "short",
    )


def _files() -> Panel:
    return graph(
        "Open files",
        "File descriptors of each process, as a share of what it may open.",
        [
            Query(
                f"max by (instance) ({series('process_open_fds')}) / max by (instance) ({series('process_max_fds')})",
                EACH,
            )
        ],
        "percentunit",
        steps=[(GREEN, None), (RED, 0.8)],
    )
