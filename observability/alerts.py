"""The alerts. Each says what is wrong, for how long, how urgent it is, and which page of `docs/runbooks` helps."""

from msgspec import Struct

from observability.queries import BROKEN_OUTCOMES, WHERE
from observability.slo import AVAILABILITY, FAST_SECONDS, LATENCY, OBJECTIVES, burns_fast

PAGE, TICKET = "page", "ticket"
"""Somebody is called at once; or looks at it on the next working day."""

RUNBOOK_PAGES = "docs/runbooks"
"""Where a page is in this repository."""
RUNBOOKS = "https://runbooks.example/case-gateway"
"""Where pages are published: the chart puts `prometheusRule.runbookBaseUrl` in its place, or leaves the links out."""
PREFIX = "CaseGateway"

DAY = 86_400


class Alert(Struct, frozen=True):
    """One rule. `summary` and `description` may name the labels of `expr`, and `$value`."""

    name: str
    severity: str
    wait: str
    expr: str
    summary: str
    description: str


def _by_backend(name: str, matchers: str = "", *, how: str = "max") -> str:
    selected = f"gateway_{name}{{{matchers}}}" if matchers else f"gateway_{name}"
    return f"{how} by ({WHERE}, backend) ({selected})"


def _more(name: str, matchers: str, window: str, by: str = "backend") -> str:
    selected = f"gateway_{name}{{{matchers}}}" if matchers else f"gateway_{name}"
    return f"sum by ({WHERE}, {by}) (increase({selected}[{window}]))"


_BROKEN = f'outcome=~"{BROKEN_OUTCOMES}"'
_THROTTLED, _GRANTED, _REFUSED = 'outcome="429"', 'outcome="granted"', 'outcome!="granted"'
_CLOSED = 'reason="upstream_closed"'
_UNAVAILABLE, _TURNED_AWAY, _LET_IN = 'outcome="unavailable"', 'outcome="refused"', 'outcome="accepted"'
_TAKEN, _NOT_TAKEN = 'outcome="taken"', 'outcome!="taken"'
_FAILED, _WRITTEN = 'outcome="failed"', 'outcome="written"'
_NOT_WRITTEN = 'code=~"ledger_unavailable|acceptance_unknown"'

_AVAILABILITY, _LATENCY = OBJECTIVES
_BACKEND = f"on ({WHERE}, backend)"
_IN = "{{ $labels.namespace }}"
_OF = "{{ $labels.backend }}"

_BUDGETS = (
    Alert(
        "AvailabilityBurnsFast",
        PAGE,
        "2m",
        burns_fast(_AVAILABILITY, PAGE),
        "The gateway fails {{ $value | humanizePercentage }} of its callers' requests",
        f"Requests fail by the gateway's own fault so often that the error budget of 30 days (SLO "
        f"{AVAILABILITY:.1%}) is gone "
        "within days. Callers cannot rely on it now.",
    ),
    Alert(
        "AvailabilityBurnsSlowly",
        TICKET,
        "15m",
        burns_fast(_AVAILABILITY, TICKET),
        "The gateway fails {{ $value | humanizePercentage }} of its callers' requests, for hours",
        f"Requests fail by the gateway's own fault more often than its SLO of {AVAILABILITY:.1%} allows.",
    ),
    Alert(
        "LatencyBurnsFast",
        PAGE,
        "2m",
        burns_fast(_LATENCY, PAGE),
        f"{{{{ $value | humanizePercentage }}}} of the reads take over {FAST_SECONDS * 1000:g} ms",
        f"Reads of the API wait for no upstream, and yet are so slow that the error budget of 30 days (SLO "
        f"{LATENCY:.0%}) is "
        "gone within days: the process or its ledger is in trouble.",
    ),
    Alert(
        "LatencyBurnsSlowly",
        TICKET,
        "15m",
        burns_fast(_LATENCY, TICKET),
        f"{{{{ $value | humanizePercentage }}}} of the reads take over {FAST_SECONDS * 1000:g} ms, for hours",
        f"Reads of the API are slower than their SLO of {LATENCY:.0%} allows.",
    ),
)

_ANY_BROKEN = f'sum by ({WHERE}, backend) (rate(gateway_upstream_requests_total{{outcome=~"{BROKEN_OUTCOMES}"}}[5m]))'
_ANY_CALLS = f"sum by ({WHERE}, backend) (rate(gateway_upstream_requests_total[5m]))"

_UPSTREAMS = (
    Alert(
        "CaseUnknown",
        TICKET,
        "5m",
        f"{_by_backend('unknown_cases')} > 0",
        f"{{{{ $value }}}} cases of {_OF} have an unknown outcome",
        "They were sent and have no trustworthy answer: nobody can say whether they are deleted. They stay so until "
        "somebody "
        "has them retried, which settles them without harm.",
    ),
    Alert(
        "QueueTooOld",
        TICKET,
        "30m",
        f"{_by_backend('oldest_pending_open_seconds')} > {_BACKEND} {_by_backend('backend_opening_window_seconds')}",
        f"A case of {_OF} has waited for longer than one opening window",
        "The upstream was open for {{ $value | humanizeDuration }} since the oldest waiting case was accepted. "
        "The queue is "
        "longer than a day's work, or something keeps that case back.",
    ),
    Alert(
        "UpstreamDown",
        PAGE,
        "10m",
        f"max by ({WHERE}, backend) (max_over_time(gateway_circuit_state[5m])) == 2\n"
        f"or ({_ANY_BROKEN}\n/ ({_ANY_CALLS} > 0) >= 0.5)\n"
        f"and {_BACKEND} {_more('upstream_requests_total', _BROKEN, '10m')} >= 3",
        f"{_OF} does not work: its calls break, or its circuit is open",
        "Calls end without an answer, or with 500, 502 or 504. Work waits and is tried again within its deadline; "
        "after that, "
        "cases fail, and callers have to repeat them.",
    ),
    Alert(
        "ThrottledByUpstream",
        TICKET,
        "0m",
        f"{_more('upstream_requests_total', _THROTTLED, '15m')} >= 3",
        f"{_OF} throttles the gateway",
        "{{ $value | humanize }} answers of 429 in 15 minutes. The gateway keeps the configured limits: either they "
        "are too high, "
        "or somebody else uses the same account.",
    ),
    Alert(
        "HoursDiffer",
        TICKET,
        "5m",
        f"{_by_backend('backend_paused_seconds', _CLOSED)} > 0\n"
        f"and {_BACKEND} {_by_backend('backend_schedule_open', how='min')} == 1",
        f"{_OF} says that it is closed, within its configured hours",
        "It answered 503 while the configuration has it open. Work waits for as long as it asked for. If this comes "
        "every day "
        "at one time, its hours have changed.",
    ),
    Alert(
        "NothingDispatched",
        PAGE,
        "5m",
        f"{_by_backend('oldest_due_seconds')} > 300\n"
        f"and {_BACKEND} {_by_backend('backend_open', how='min')} == 1\n"
        f"and {_BACKEND} {_by_backend('backend_paused_seconds')} == 0\n"
        f"unless {_BACKEND} {_by_backend('circuit_state')} == 2\n"
        f"unless {_BACKEND} {_more('pacing_wait_seconds_count', '', '10m')} > 0",
        f"Cases for {_OF} are due, and none is sent",
        "A case could have been sent {{ $value | humanizeDuration }} ago: the upstream is open and is not left "
        "alone, and yet "
        "no call was begun for ten minutes. No error says why: this should not happen.",
    ),
)

_CREDENTIAL = f"on ({WHERE}, credential)"
_CERTIFICATE = f"min by ({WHERE}, credential) (gateway_certificate_expires_timestamp_seconds) - time()"
_TOKEN = f"min by ({WHERE}, credential) (gateway_token_expires_timestamp_seconds) - time()"

_TLS = f"min by ({WHERE}, side, backend) (gateway_tls_certificate_expires_timestamp_seconds) - time()"

_CREDENTIALS = (
    Alert(
        "TokenExpiring",
        PAGE,
        "0m",
        f"{_more('token_requests_total', _REFUSED, '10m', 'credential')} > 0\n"
        f"unless {_CREDENTIAL} {_more('token_requests_total', _GRANTED, '10m', 'credential')} > 0\n"
        f"unless {_CREDENTIAL} {_TOKEN} >= 600",
        "The token of {{ $labels.credential }} is about to expire, and no new one is to be had",
        "It has {{ $value | humanizeDuration }} left (negative: it has expired). Requests for another one fail. "
        "Without a token "
        "nothing is sent to the backends of this credential; what is queued waits.",
    ),
    Alert(
        "CertificateExpiring",
        TICKET,
        "1h",
        f"{_CERTIFICATE} < {30 * DAY}",
        "The certificate of {{ $labels.credential }} expires in {{ $value | humanizeDuration }}",
        "With it the gateway proves to the token endpoint who it is. Several can be registered at once: register the "
        "new one, "
        "then replace the files; no restart is needed.",
    ),
    Alert(
        "CertificateExpiresSoon",
        PAGE,
        "0m",
        f"{_CERTIFICATE} < {3 * DAY}",
        "The certificate of {{ $labels.credential }} expires in {{ $value | humanizeDuration }}",
        "After that no token is to be had, and nothing is sent to the backends of this credential.",
    ),
)

_CERTIFICATES = (
    Alert(
        "TlsCertificateExpires",
        PAGE,
        "1h",
        f"{_TLS} < {3 * DAY}",
        "A certificate of TLS expires in {{ $value | humanizeDuration }} ({{ $labels.side }} {{ $labels.backend }})",
        "That of the listener: after its end, callers refuse to connect. One that is shown to a backend: after its "
        "end, no connection to it is made, and its work waits. Replaced files are taken up without a restart.",
    ),
)

_ISSUER = f"on ({WHERE}, issuer)"


def _authentications(outcome: str, window: str) -> str:
    return f"sum by ({WHERE}) (increase(gateway_authentications_total{{{outcome}}}[{window}]))"


_CALLERS = (
    Alert(
        "CallersNotVerified",
        PAGE,
        "2m",
        f"{_authentications(_UNAVAILABLE, '5m')} > 0",
        "Callers cannot be verified: the keys of their issuer are not to be had",
        "{{ $value | humanize }} requests in five minutes were answered 503 issuer_unavailable, since the gateway has "
        "no keys of the issuer that made their tokens, or none that are less than four hours old. None was accepted.",
    ),
    Alert(
        "IssuerKeysNotRead",
        TICKET,
        "5m",
        f"{_more('key_set_requests_total', _NOT_TAKEN, '30m', 'issuer')} > 0\n"
        f"unless {_ISSUER} {_more('key_set_requests_total', _TAKEN, '30m', 'issuer')} > 0",
        "The keys of the issuer {{ $labels.issuer }} cannot be read",
        "For half an hour no usable keys were had of it. The last ones are used for four hours, then its callers are "
        "refused; a key that it has begun to use is unknown, and one that it has withdrawn still counts.",
    ),
    Alert(
        "EveryCallerRefused",
        TICKET,
        "5m",
        f"{_authentications(_TURNED_AWAY, '15m')} >= 20\nunless on ({WHERE}) {_authentications(_LET_IN, '15m')} > 0",
        "Every caller is refused",
        "{{ $value | humanize }} requests in 15 minutes had no valid key or token, and none had. Keys were changed on "
        "one side only, tokens have another audience, a clock is wrong, or a stranger tries keys while nobody else "
        "calls.",
    ),
)

_PROCESSES = (
    Alert(
        "ConfigurationDiffers",
        TICKET,
        "15m",
        f"sum by ({WHERE}, why) (gateway_config_differs) > 0",
        "The gateway does not run by what its configuration file holds ({{ $labels.why }})",
        "{{ $value }} processes go on with an earlier configuration, since the one in the file was refused or needs "
        "a restart. What was changed there is not in force: a limit, hours, or a key that was to be taken away.",
    ),
    Alert(
        "LedgerFails",
        PAGE,
        "1m",
        f"{_more('ledger_failures_total', '', '5m', 'doing')} > 0\n"
        f"or {_more('problems_total', _NOT_WRITTEN, '5m', 'code')} > 0",
        "The ledger cannot be written",
        "{{ $value | humanize }} failures in five minutes ({{ $labels.doing }}{{ $labels.code }}). While the ledger "
        "fails nothing "
        "is accepted and nothing is sent; what is accepted is safe.",
    ),
    Alert(
        "EvidenceBroken",
        PAGE,
        "0m",
        f"{_more('evidence_broken_total', '', '1h', 'what')} > 0",
        "Evidence of what was deleted has been changed ({{ $labels.what }})",
        "A receipt, or a link of the chain of receipts, is not what the gateway wrote. Somebody or something has "
        "changed the "
        "ledger from outside.",
    ),
    Alert(
        "CheckpointsFail",
        TICKET,
        "5m",
        f"sum by ({WHERE}) (increase(gateway_checkpoints_total{{{_FAILED}}}[3h])) > 0\n"
        f"unless on ({WHERE}) sum by ({WHERE}) (increase(gateway_checkpoints_total{{{_WRITTEN}}}[3h])) > 0",
        "Checkpoints of the receipts cannot be written",
        "New receipts are linked, but no signed checkpoint says so. It is tried again; until it works, receipts "
        "since the "
        "last one are only as good as the ledger itself.",
    ),
    Alert(
        "QueueNearlyFull",
        TICKET,
        "10m",
        f"sum by ({WHERE}) ({_by_backend('cases_pending')})\n/ max by ({WHERE}) (gateway_queue_limit_cases) > 0.8",
        "The queue is {{ $value | humanizePercentage }} full",
        "When it is full, callers get 503 overloaded. What is queued is not in danger.",
    ),
    Alert(
        "Absent",
        PAGE,
        "5m",
        "absent(gateway_build_info)\n"
        f"or (group by ({WHERE}) (last_over_time(gateway_build_info[1h])) unless group by ({WHERE}) "
        f"(gateway_build_info))",
        "No case gateway is to be seen",
        "Prometheus scrapes none, or none any more where there was one an hour ago. Accepted work is safe in the "
        "ledger and "
        "goes on when a process runs again; callers get no answer.",
    ),
)

ALERTS = (*_BUDGETS, *_UPSTREAMS, *_CREDENTIALS, *_CERTIFICATES, *_CALLERS, *_PROCESSES)
