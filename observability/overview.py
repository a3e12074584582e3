"""*Overview*: whether it works, whose fault it is if not, and how long it will take."""

from typing import Any

from observability.dashboard import UIDS, backend, dashboard, job, namespace, tenant
from observability.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    YELLOW,
    Panel,
    Query,
    counts,
    graph,
    placed,
    stat,
    timeline,
)
from observability.queries import (
    NOT_DELIVERED,
    OUR_FAULTS,
    TENANT,
    increase,
    latest,
    of_backend,
    quantile,
    rate,
    series,
)
from observability.slo import AVAILABILITY, FAST_SECONDS, LATENCY

RANGE = "[$__range]"
UNENDED = series("operations", 'status=~"running|scheduled"')
API = 'route=~"/v1/.*"'

STATES = (
    ("closed by its hours", GREY),
    ("open", GREEN),
    ("says itself that it is closed", YELLOW),
    ("left alone for a while", ORANGE),
    ("circuit open: it fails", RED),
)


def overview() -> dict[str, Any]:
    """The dashboard as JSON."""
    rows = [
        ("", 4, [(4, each) for each in (_availability(), _delivered(), _unknown(), _alerts(), _waiting(), _empty())]),
        ("Are the upstreams open?", 6, [(24, _open())]),
        ("What became of the cases", 8, [(12, _outcomes()), (12, _errors())]),
        ("", 7, [(12, _by_kind_and_tenant()), (12, _unknown_over_time())]),
        ("The queue", 8, [(8, _queued()), (8, _until_empty()), (8, _oldest())]),
        ("The API", 8, [(8, _requests()), (8, _latency()), (8, _problems())]),
        ("", 7, [(12, _burn()), (12, _operations())]),
        ("The callers", 7, [(8, _authentications()), (8, _issuers()), (8, _quotas())]),
    ]
    text = "Whether deletions work, which upstream is at fault, how long the queue will take, and what is unknown."
    variables = [namespace(), job(), tenant(), backend()]
    return dashboard(UIDS[0], "Case gateway / Overview", text, placed(rows), variables)


def _availability() -> Panel:
    faults = increase(series("problems_total", f'code=~"{OUR_FAULTS}"'), window=RANGE)
    asked = increase(series("http_requests_total", API), window=RANGE)
    return stat(
        "Requests served",
        "Share of requests that the gateway answered without a fault of its own, over the time shown. The SLO is "
        "99.9 %. "
        "What callers or upstreams are at fault for does not count.",
        Query(f"1 - {faults} / ({asked} > 0)"),
        "percentunit",
        [(RED, None), (YELLOW, AVAILABILITY), (GREEN, AVAILABILITY + (1 - AVAILABILITY) / 2)],
        decimals=2,
        none="no requests",
    )


def _delivered() -> Panel:
    undelivered = increase(
        of_backend("case_errors_total", f'code=~"{NOT_DELIVERED}",code!="upstream_rejected"'), window=RANGE
    )
    ended = increase(of_backend("cases_total", TENANT), window=RANGE)
    return stat(
        "Cases settled",
        "Share of the ended cases of which the upstream said plainly yes or no, over the time shown. The rest ended "
        "because "
        "an upstream failed, refused us, could not be reached, or left the outcome unknown.",
        Query(f"1 - {undelivered} / ({ended} > 0)"),
        "percentunit",
        [(RED, None), (YELLOW, 0.95), (GREEN, 0.99)],
        decimals=1,
        none="no cases",
    )


def _unknown() -> Panel:
    return stat(
        "Unknown outcomes",
        "Cases that were sent and have no trustworthy answer, now. Each needs somebody: runbook "
        "CaseGatewayCaseUnknown.",
        Query(f"sum ({latest(of_backend('unknown_cases'), by='namespace, job, backend')})"),
        "none",
        [(GREEN, None), (PURPLE, 1)],
    )


def _alerts() -> Panel:
    firing = series("ALERTS", 'alertname=~"CaseGateway.*",alertstate="firing"', within=())
    return stat(
        "Alerts firing",
        "Alerts of the gateway that fire in this Prometheus now, in every namespace.",
        Query(f"count ({firing}) or vector(0)"),
        "none",
        [(GREEN, None), (RED, 1)],
    )


def _waiting() -> Panel:
    return stat(
        "Cases waiting",
        "Cases that have not ended: waiting for opening, pace, another attempt, or under way.",
        Query(f"sum ({latest(of_backend('cases_pending'), by='namespace, job, backend')})"),
        "short",
        [(BLUE, None)],
    )


def _empty() -> Panel:
    return stat(
        "All done in",
        "When the longest of the queues may be empty at the allowed pace, closed hours included: an estimate.",
        Query(f"max ({of_backend('queue_empty_seconds')})"),
        "dtdurations",
        [(BLUE, None)],
        none="cannot be told",
    )


def _open() -> Panel:
    left_alone = latest(of_backend("backend_paused_seconds", 'reason!="upstream_closed"'))
    closed = latest(of_backend("backend_paused_seconds", 'reason="upstream_closed"'))
    open_now = latest(of_backend("backend_schedule_open"))
    circuit = latest(of_backend("circuit_state"))
    state = "\n".join(
        (
            f"({circuit} == 2) * 2",
            f"or ({closed} > 0) * 0 + 2 and on (backend) {open_now} == 1",
            f"or ({left_alone} > 0) * 0 + 3",
            f"or {open_now}",
        )
    )
    return timeline(
        "Upstreams, open or closed",
        "Closed by its hours: work waits, nothing is wrong. Says itself that it is closed: the configured hours "
        "differ from "
        "the real ones. Left alone: it throttled, could not be reached, or refused our credential. Circuit open: too "
        "many calls failed, and one tests it from time to time.",
        [Query(state, "{{backend}}")],
        STATES,
    )


def _outcomes() -> Panel:
    ended = increase(of_backend("cases_total", TENANT), by="status")
    return counts(
        "Cases that ended, by outcome",
        "How many cases ended in each interval. Failed: the upstream said that it did not happen, or nothing was "
        "ever sent.",
        Query(ended, "{{status}}"),
    )


def _errors() -> Panel:
    errors = increase(of_backend("case_errors_total"), by="backend, code")
    return counts(
        "Cases that did not succeed, by upstream and code",
        "Which upstream is at fault, and for what. case_not_found and deletion_forbidden_by_state are answers, not "
        "faults.",
        Query(f"{errors} > 0", "{{backend}} {{code}}"),
    )


def _by_kind_and_tenant() -> Panel:
    ended = increase(of_backend("cases_total", TENANT), by="tenant, kind")
    return counts(
        "Cases that ended, by tenant and kind",
        "Whose work is being done.",
        Query(f"{ended} > 0", "{{tenant}} {{kind}}"),
    )


def _unknown_over_time() -> Panel:
    return graph(
        "Unknown outcomes, by upstream",
        "Cases without a trustworthy answer, as they stand. A retry of their operation probes or resends them safely.",
        [Query(latest(of_backend("unknown_cases")), "{{backend}}")],
        "short",
        steps=[(GREEN, None), (RED, 1)],
    )


def _queued() -> Panel:
    return graph(
        "Cases waiting, by upstream",
        "Cases that have not ended.",
        [Query(latest(of_backend("cases_pending")), "{{backend}}")],
        "short",
        stacked=True,
    )


def _until_empty() -> Panel:
    return graph(
        "Time until the queue is empty",
        "At the allowed pace, closed hours included; an estimate. A line that does not fall means that no work is "
        "done.",
        [Query(latest(of_backend("queue_empty_seconds")), "{{backend}}")],
        "s",
    )


def _oldest() -> Panel:
    seen, window = (
        latest(of_backend("oldest_pending_open_seconds")),
        latest(of_backend("backend_opening_window_seconds")),
    )
    return graph(
        "The oldest case has seen so much of an opening window",
        "How long the upstream was open since the oldest waiting case was accepted, as a share of one opening "
        "window. Over "
        "100 % (dashed) the queue is longer than a day's work, or something keeps that case back.",
        [Query(f"{seen} / on (backend) {window}", "{{backend}}")],
        "percentunit",
        steps=[(GREEN, None), (RED, 1)],
    )


def _requests() -> Panel:
    answered = rate(series("http_requests_total", API), by="status")
    return graph(
        "Requests by status",
        "Requests to the API, a second, by the status they were answered with.",
        [Query(f"{answered} > 0", "{{status}}")],
        "reqps",
        stacked=True,
    )


def _latency() -> Panel:
    reads = series("http_request_duration_seconds_bucket", API, 'method="GET"')
    writes = series("http_request_duration_seconds_bucket", API, 'method="POST"')
    return graph(
        "Latency of the API",
        f"Reads never wait for an upstream: the SLO is {LATENCY:.0%} within {FAST_SECONDS * 1000:g} ms (dashed). "
        f"Writes wait "
        "for their outcome as long as the caller lets them.",
        [
            Query(quantile(0.5, reads), "reads, half", exemplars=True),
            Query(quantile(0.99, reads), "reads, 99 %", exemplars=True),
            Query(quantile(0.5, writes), "writes, half", exemplars=True),
            Query(quantile(0.99, writes), "writes, 99 %", exemplars=True),
        ],
        "s",
        steps=[(GREEN, None), (RED, FAST_SECONDS)],
    )


def _problems() -> Panel:
    problems = increase(series("problems_total"), by="code")
    return counts(
        "Refused requests, by code",
        f"Problems that callers got: {OUR_FAULTS.replace('|', ', ')} are our faults; the others are theirs, or told "
        f"them to "
        "come back.",
        Query(f"{problems} > 0", "{{code}}"),
    )


def _burn() -> Panel:
    queries = []
    for name, legend in (("availability", "availability"), ("latency", "latency")):
        budget = 1 - (AVAILABILITY if name == "availability" else LATENCY)
        ratio = series(f"slo_{name}_errors:ratio_rate1h", within=()).replace("gateway_slo", "gateway:slo")
        queries.append(Query(f'max ({ratio}{{namespace=~"$namespace",job=~"$job"}}) / {budget:g}', legend))
    return graph(
        "How fast the error budget burns, over an hour",
        "1: the budget of 30 days lasts 30 days. 6 for six hours or 14.4 for one (dashed) pages somebody.",
        queries,
        "none",
        steps=[(GREEN, None), (ORANGE, 6), (RED, 14.4)],
    )


def _operations() -> Panel:
    return graph(
        "Operations that have not ended",
        "Running: something of it goes on, or may. Scheduled: it waits for its upstream to open.",
        [Query(f"max by (status) ({UNENDED})", "{{status}}")],
        "short",
    )


def _authentications() -> Panel:
    seen = increase(series("authentications_total", 'outcome!="accepted"'), by="method, outcome")
    return counts(
        "Who was not let in",
        "Requests by what they showed and why it did not do. Refused: no valid key or token; the log says what was "
        "wrong with it. Unavailable: the keys of their issuer are not to be had.",
        Query(f"{seen} > 0", "{{method}} {{outcome}}"),
    )


def _issuers() -> Panel:
    read = increase(series("key_set_requests_total"), by="issuer, outcome")
    return counts(
        "Keys of issuers, as they were read",
        "One each five minutes for an issuer with a URL is usual; a file is read when it changes. Otherwise the last "
        "keys are used, for up to four hours.",
        Query(f"{read} > 0", "{{issuer}} {{outcome}}"),
    )


def _quotas() -> Panel:
    refused = increase(series("quota_refusals_total"), by="caller, quota")
    return counts(
        "Over a caller's quota",
        "Requests answered 429: too many a minute (requests), or too many cases queued (queued_cases). Whoever wrote "
        "the caller should obey Retry-After; or the quota is too small.",
        Query(f"{refused} > 0", "{{caller}} {{quota}}"),
    )
