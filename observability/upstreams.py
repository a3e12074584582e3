"""*Upstreams*: how each answers, and how its limits are used."""

from typing import Any

from observability.dashboard import UIDS, backend, dashboard, job, namespace
from observability.panels import (
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
    table,
    timeline,
)
from observability.queries import WHERE, by_limits, increase, latest, of_backend, quantile, rate, series

LIMITS = "{{limits}}"


def upstreams() -> dict[str, Any]:
    """The dashboard as JSON."""
    rows = [
        ("Answers", 9, [(12, _heatmap()), (12, _latency())]),
        ("", 8, [(12, _outcomes()), (12, _broken())]),
        ("Limits", 8, [(12, _in_flight()), (12, _pace())]),
        ("Waiting and trying again", 8, [(8, _waits()), (8, _retries()), (8, _throttles())]),
        ("", 7, [(8, _left_alone()), (8, _circuit()), (8, _unasked())]),
        ("Credentials", 7, [(8, _tokens()), (8, _token_life()), (4, _certificates()), (4, _tls_certificates())]),
    ]
    text = "How each upstream answers, how much of its limits is used, and what keeps work waiting."
    variables = [namespace(), job(), backend()]
    return dashboard(UIDS[1], "Case gateway / Upstreams", text, placed(rows), variables)


def _heatmap() -> Panel:
    buckets = increase(of_backend("upstream_request_duration_seconds_bucket"), by="le")
    return heatmap(
        "How long calls take",
        "Calls by their duration, of all the backends chosen together. A band at the top is calls that run into "
        "time-outs.",
        Query(buckets, "{{le}}", heatmap=True),
        "s",
    )


def _latency() -> Panel:
    buckets = of_backend("upstream_request_duration_seconds_bucket")
    return graph(
        "Duration of calls",
        "Half and 95 % of the calls to each backend end within so long, from their beginning to the recorded outcome.",
        [
            Query(quantile(0.5, buckets, by="backend"), "{{backend}}, half", exemplars=True),
            Query(quantile(0.95, buckets, by="backend"), "{{backend}}, 95 %", exemplars=True),
        ],
        "s",
    )


def _outcomes() -> Panel:
    ended = rate(of_backend("upstream_requests_total"), by="outcome")
    return graph(
        "Calls by outcome",
        "Status codes; not_sent: no connection, or no credential; unknown: sent, and no trustworthy answer; not_begun: "
        "granted too late to be used, harmless.",
        [Query(f"{ended} > 0", "{{outcome}}")],
        "reqps",
        stacked=True,
    )


def _broken() -> Panel:
    broken = rate(of_backend("upstream_requests_total", 'outcome=~"not_sent|unknown|5xx|500|502|504"'), by="backend")
    ended = rate(of_backend("upstream_requests_total"), by="backend")
    return graph(
        "Share of calls that broke, by backend",
        "Not sent, unknown, 500, 502 or 504. From half of them on (dashed) for ten minutes, CaseGatewayUpstreamDown "
        "pages.",
        [Query(f"{broken} / ({ended} > 0)", "{{backend}}")],
        "percentunit",
        steps=[(GREEN, None), (RED, 0.5)],
    )


def _in_flight() -> Panel:
    held = by_limits(f"sum by ({WHERE}, backend) ({of_backend('upstream_in_flight')})")
    return graph(
        "Calls under way, against the cap",
        "Of all replicas and of all backends that share the limits; dashed: the configured cap.",
        [
            Query(held, LIMITS),
            Query(f"max by ({WHERE}, limits) ({series('limit_in_flight')})", f"{LIMITS}, cap", dashed=True),
        ],
        "short",
    )


def _pace() -> Panel:
    used = by_limits(f"60 * {rate(of_backend('pacing_wait_seconds_count'), by=f'{WHERE}, backend')}")
    minute = series("limit_calls", 'window="minute"')
    second = series("limit_calls", 'window="second"')
    return graph(
        "Pace used, against the allowed one",
        "Calls begun a minute, of all backends that share the limits; dashed: what the tighter window allows. While "
        "work is "
        "queued and the upstream answers in time, at least 95 % of it is used.",
        [
            Query(used, LIMITS),
            Query(f"min by ({WHERE}, limits) ({minute} or {second} * 60)", f"{LIMITS}, allowed", dashed=True),
        ],
        "cpm",
    )


def _waits() -> Panel:
    buckets = of_backend("pacing_wait_seconds_bucket")
    return graph(
        "How long due cases wait for permission",
        "Half and 95 % of the calls were granted within so long of being due. Bulk work waits for its turn: hours "
        "are usual.",
        [
            Query(quantile(0.5, buckets, by="backend"), "{{backend}}, half"),
            Query(quantile(0.95, buckets, by="backend"), "{{backend}}, 95 %"),
        ],
        "s",
    )


def _retries() -> Panel:
    retries = increase(of_backend("upstream_retries_total"), by="backend, reason")
    return counts(
        "Cases sent back to wait, by reason",
        "Another attempt follows, where that can do no harm. `probe`: a dry run of ours is to settle an unknown "
        "outcome.",
        Query(f"{retries} > 0", "{{backend}} {{reason}}"),
    )


def _throttles() -> Panel:
    throttled = increase(of_backend("upstream_requests_total", 'outcome="429"'), by="backend")
    return counts(
        "Throttled by the upstream (429)",
        "The gateway alone causes none: somebody else uses the same account, or the limits are configured too high.",
        Query(throttled, "{{backend}}"),
    )


def _left_alone() -> Panel:
    paused = f"max by (backend, reason) ({of_backend('backend_paused_seconds')})"
    return graph(
        "Left alone for so much longer, by reason",
        "upstream_closed: by its own word. upstream_throttled, upstream_unreachable, upstream_unauthorized: after "
        "such a call.",
        [Query(f"{paused} > 0", "{{backend}} {{reason}}")],
        "s",
    )


def _circuit() -> Panel:
    return timeline(
        "Circuits",
        "Open: too many of the last calls failed, and nothing is sent. Testing: one call finds out whether it works "
        "again.",
        [Query(latest(of_backend("circuit_state")), "{{backend}}")],
        [("closed", GREEN), ("testing", YELLOW), ("open", RED)],
    )


def _unasked() -> Panel:
    entries = increase(of_backend("unasked_entries_total"), by="backend")
    return graph(
        "Entries in answers that nobody asked for",
        "The upstream names cases or items that were not in the call. They are not returned to the caller; tell its "
        "owner.",
        [Query(entries, "{{backend}}")],
        "short",
        bars=True,
    )


def _tokens() -> Panel:
    asked = increase(series("token_requests_total"), by="credential, outcome")
    return counts(
        "Token requests",
        "One an hour is usual. Refused: the client or its certificate is not accepted. Unreachable: the endpoint is "
        "down.",
        Query(f"{asked} > 0", "{{credential}} {{outcome}}"),
    )


def _token_life() -> Panel:
    left = f"min by (credential) ({series('token_expires_timestamp_seconds')}) - time()"
    return graph(
        "Life left in the access token",
        "Renewed ahead of its end while there is work; without work it runs out, and the next call gets another.",
        [Query(f"clamp_min({left}, 0)", "{{credential}}")],
        "s",
    )


def _certificates() -> Panel:
    left = f"min by (credential) ({series('certificate_expires_timestamp_seconds')}) - time()"
    return table(
        "Certificates expire in",
        "How long the certificate of each credential is still good. CaseGatewayCertificateExpiring tells 30 days "
        "ahead.",
        Query(left, instant=True),
        "dtdurations",
        [(RED, None), (ORANGE, 7 * 86_400), (GREEN, 30 * 86_400)],
    )


def _tls_certificates() -> Panel:
    left = f"min by (side, backend) ({series('tls_certificate_expires_timestamp_seconds')}) - time()"
    return table(
        "TLS certificates expire in",
        "Of the listener, and those that are shown to backends. CaseGatewayTlsCertificateExpires tells three days "
        "ahead.",
        Query(left, instant=True),
        "dtdurations",
        [(RED, None), (ORANGE, 3 * 86_400), (GREEN, 7 * 86_400)],
    )
