"""Situations in which an alert must fire, or must not: series over time in promtool's notation, and when to look."""

from msgspec import Struct

HUB = 'namespace="n",job="g",backend="hub"'
CREDENTIAL = 'namespace="n",job="g",credential="scalepoint"'
GATEWAY = 'namespace="n",job="g"'
DAY = 86_400


class Situation(Struct, frozen=True):
    """`labels` are those of the alert that fires, null if none does. Series have a sample a minute."""

    alert: str
    name: str
    at: str
    labels: dict[str, str] | None
    series: dict[str, str]


def _fires(alert: str, name: str, at: str, labels: dict[str, str], series: dict[str, str]) -> Situation:
    return Situation(alert, name, at, {"namespace": "n", "job": "g", **labels}, series)


def _is_silent(alert: str, name: str, at: str, series: dict[str, str]) -> Situation:
    return Situation(alert, name, at, None, series)


def _answers(bad: str, asked: str) -> dict[str, str]:
    return {
        f'gateway_problems_total{{{GATEWAY},code="ledger_unavailable"}}': bad,
        f'gateway_http_requests_total{{{GATEWAY},method="POST",route="/v1/operations",status="200"}}': asked,
    }


def _reads(fast: str, every: str) -> dict[str, str]:
    labels = f'{GATEWAY},method="GET",route="/v1/operations"'
    return {
        f'gateway_http_request_duration_seconds_bucket{{{labels},le="0.25"}}': fast,
        f"gateway_http_request_duration_seconds_count{{{labels}}}": every,
    }


def _calls(broken: str, sound: str) -> dict[str, str]:
    return {
        f'gateway_upstream_requests_total{{{HUB},call="deleteCase",outcome="unknown"}}': broken,
        f'gateway_upstream_requests_total{{{HUB},call="deleteCase",outcome="200"}}': sound,
    }


def _due(*, due: str, open_now: str = "1x30", paused: str = "0x30", granted: str = "7x30") -> dict[str, str]:
    return {
        f"gateway_oldest_due_seconds{{{HUB}}}": due,
        f"gateway_backend_open{{{HUB}}}": open_now,
        f'gateway_backend_paused_seconds{{{HUB},reason="upstream_throttled"}}': paused,
        f"gateway_pacing_wait_seconds_count{{{HUB}}}": granted,
    }


def _tokens(*, expires: str, refused: str, granted: str) -> dict[str, str]:
    ends = {} if expires == "never" else {f"gateway_token_expires_timestamp_seconds{{{CREDENTIAL}}}": expires}
    return ends | {
        f'gateway_token_requests_total{{{CREDENTIAL},outcome="refused"}}': refused,
        f'gateway_token_requests_total{{{CREDENTIAL},outcome="granted"}}': granted,
    }


def _certificate(days: float) -> dict[str, str]:
    return {f"gateway_certificate_expires_timestamp_seconds{{{CREDENTIAL}}}": f"{round(days * DAY)}x180"}


def _tls(side: str, backend: str, days: float) -> dict[str, str]:
    labels = f'{GATEWAY},side="{side}",backend="{backend}"'
    return {f"gateway_tls_certificate_expires_timestamp_seconds{{{labels}}}": f"{round(days * DAY)}x180"}


def _authentications(**outcomes: str) -> dict[str, str]:
    return {
        f'gateway_authentications_total{{{GATEWAY},method="bearer",outcome="{outcome}"}}': values
        for outcome, values in outcomes.items()
    }


def _key_sets(**outcomes: str) -> dict[str, str]:
    return {
        f'gateway_key_set_requests_total{{{GATEWAY},issuer="cluster",outcome="{outcome}"}}': values
        for outcome, values in outcomes.items()
    }


PAGED, TICKETED = {"severity": "page"}, {"severity": "ticket"}
OF_HUB = {"backend": "hub"}
OF_ISSUER = {"issuer": "cluster"}
OF_CREDENTIAL = {"credential": "scalepoint"}

SITUATIONS = (
    _fires("AvailabilityBurnsFast", "two of a hundred fail for an hour", "70m", PAGED, _answers("0+2x80", "0+100x80")),
    _is_silent(
        "AvailabilityBurnsFast", "it was over forty minutes ago", "110m", _answers("0+2x65 130x60", "0+100x120")
    ),
    _is_silent("AvailabilityBurnsFast", "one night's only request fails", "70m", _answers("0x60 1x20", "0x60 1x20")),
    _fires(
        "AvailabilityBurnsSlowly", "four in a thousand, all day", "26h", TICKETED, _answers("0+4x1600", "0+1000x1600")
    ),
    _is_silent("AvailabilityBurnsSlowly", "within the budget", "26h", _answers("0+1x1600", "0+2000x1600")),
    _fires("LatencyBurnsFast", "a fifth is slow for an hour", "70m", PAGED, _reads("0+80x80", "0+100x80")),
    _is_silent("LatencyBurnsFast", "one in a hundred is slow", "70m", _reads("0+99x80", "0+100x80")),
    _fires("LatencyBurnsSlowly", "four in a hundred, all day", "26h", TICKETED, _reads("0+96x1600", "0+100x1600")),
    _is_silent("LatencyBurnsSlowly", "nobody asks", "26h", _reads("0x1600", "0x1600")),
    _fires("CaseUnknown", "one case", "7m", TICKETED | OF_HUB, {f"gateway_unknown_cases{{{HUB}}}": "1x20"}),
    _is_silent("CaseUnknown", "settled within minutes", "7m", {f"gateway_unknown_cases{{{HUB}}}": "1x3 0x20"}),
    _fires(
        "QueueTooOld",
        "a case saw more than one window of sixteen hours",
        "40m",
        TICKETED | OF_HUB,
        {
            f"gateway_oldest_pending_open_seconds{{{HUB}}}": "57601+60x60",
            f"gateway_backend_opening_window_seconds{{{HUB}}}": "57600x60",
        },
    ),
    _is_silent(
        "QueueTooOld",
        "within its first window",
        "40m",
        {
            f"gateway_oldest_pending_open_seconds{{{HUB}}}": "50000+60x60",
            f"gateway_backend_opening_window_seconds{{{HUB}}}": "57600x60",
        },
    ),
    _fires("UpstreamDown", "every call breaks", "15m", PAGED | OF_HUB, _calls("0+1x30", "0x30")),
    _fires("UpstreamDown", "one call a minute, on trial", "15m", PAGED | OF_HUB, _calls("0+1x30", "0 0 0 5x30")),
    _fires(
        "UpstreamDown",
        "its circuit is open but when it is tested",
        "15m",
        PAGED | OF_HUB,
        {f"gateway_circuit_state{{{HUB}}}": "2 2 1 2 2 1 2 2 1 2 2 1 2 2 1 2 2 1 2 2 1"},
    ),
    _is_silent("UpstreamDown", "a third breaks", "15m", _calls("0+1x30", "0+2x30")),
    _is_silent("UpstreamDown", "one bad call in quiet hours", "15m", _calls("0 0 1x30", "0x30")),
    _fires(
        "ThrottledByUpstream",
        "three in a quarter of an hour",
        "15m",
        TICKETED | OF_HUB,
        {f'gateway_upstream_requests_total{{{HUB},call="deleteCase",outcome="429"}}': "0x5 5x20"},
    ),
    _is_silent(
        "ThrottledByUpstream",
        "one stray answer",
        "15m",
        {f'gateway_upstream_requests_total{{{HUB},call="deleteCase",outcome="429"}}': "0x5 1x20"},
    ),
    _fires(
        "HoursDiffer",
        "closed in its hours",
        "8m",
        TICKETED | OF_HUB,
        {
            f'gateway_backend_paused_seconds{{{HUB},reason="upstream_closed"}}': "3600x20",
            f"gateway_backend_schedule_open{{{HUB}}}": "1x20",
        },
    ),
    _is_silent(
        "HoursDiffer",
        "closed out of hours",
        "8m",
        {
            f'gateway_backend_paused_seconds{{{HUB},reason="upstream_closed"}}': "3600x20",
            f"gateway_backend_schedule_open{{{HUB}}}": "0x20",
        },
    ),
    _is_silent(
        "HoursDiffer",
        "throttled, not closed",
        "8m",
        {
            f'gateway_backend_paused_seconds{{{HUB},reason="upstream_throttled"}}': "3600x20",
            f"gateway_backend_schedule_open{{{HUB}}}": "1x20",
        },
    ),
    _fires("NothingDispatched", "due, open, and no call", "25m", PAGED | OF_HUB, _due(due="0+60x30")),
    _is_silent("NothingDispatched", "bulk waits for its turn", "25m", _due(due="0+60x30", granted="0+1x30")),
    _is_silent("NothingDispatched", "closed", "25m", _due(due="0+60x30", open_now="0x30")),
    _is_silent("NothingDispatched", "left alone", "25m", _due(due="0+60x30", paused="600x30")),
    _is_silent(
        "NothingDispatched",
        "its circuit is open",
        "25m",
        _due(due="0+60x30") | {f"gateway_circuit_state{{{HUB}}}": "2x30"},
    ),
    _is_silent("NothingDispatched", "nothing is due", "25m", _due(due="0x30")),
    _fires(
        "TokenExpiring",
        "refused, and four minutes left",
        "20m",
        PAGED | OF_CREDENTIAL,
        _tokens(expires="1440x30", refused="0+1x30", granted="1x30"),
    ),
    _fires(
        "TokenExpiring",
        "refused from the start",
        "20m",
        PAGED | OF_CREDENTIAL,
        _tokens(expires="never", refused="0+1x30", granted="0x30"),
    ),
    _is_silent("TokenExpiring", "renewed", "20m", _tokens(expires="1440x30", refused="0 1x30", granted="0x15 1x20")),
    _is_silent(
        "TokenExpiring", "ran out without work", "20m", _tokens(expires="60x30", refused="0x30", granted="1x30")
    ),
    _is_silent("TokenExpiring", "an hour left", "20m", _tokens(expires="4800x30", refused="0+1x30", granted="1x30")),
    _fires("CertificateExpiring", "in 20 days", "62m", TICKETED | OF_CREDENTIAL, _certificate(20)),
    _is_silent("CertificateExpiring", "in 60 days", "62m", _certificate(60)),
    _fires("CertificateExpiresSoon", "in 2 days", "5m", PAGED | OF_CREDENTIAL, _certificate(2)),
    _is_silent("CertificateExpiresSoon", "in 20 days", "5m", _certificate(20)),
    _fires(
        "TlsCertificateExpires",
        "the listener's, in 2 days",
        "62m",
        PAGED | {"side": "listener"},
        _tls("listener", "", 2),
    ),
    _fires(
        "TlsCertificateExpires",
        "one that a backend is shown, tomorrow",
        "62m",
        PAGED | {"side": "backend"} | OF_HUB,
        _tls("backend", "hub", 1),
    ),
    _is_silent("TlsCertificateExpires", "in 20 days", "62m", _tls("listener", "", 20)),
    _fires("CallersNotVerified", "a request a minute", "5m", PAGED, _authentications(unavailable="0+1x20")),
    _is_silent("CallersNotVerified", "one that came at a bad moment", "10m", _authentications(unavailable="0 1x20")),
    _is_silent("CallersNotVerified", "they are refused", "5m", _authentications(refused="0+1x20")),
    _fires(
        "IssuerKeysNotRead",
        "unreachable for an hour",
        "60m",
        TICKETED | OF_ISSUER,
        _key_sets(taken="0x10 1x90", unreachable="0x12 0+2x90"),
    ),
    _is_silent("IssuerKeysNotRead", "now and then", "60m", _key_sets(taken="0+1x90", unreachable="0 0+1x20 20x90")),
    _is_silent("IssuerKeysNotRead", "it works again", "60m", _key_sets(taken="0x55 1x40", unreachable="0+2x55 108x40")),
    _fires("EveryCallerRefused", "two a minute", "25m", TICKETED, _authentications(refused="0+2x40", accepted="7x40")),
    _is_silent("EveryCallerRefused", "but for one", "25m", _authentications(refused="0+2x40", accepted="0+1x40")),
    _is_silent("EveryCallerRefused", "one mistake at night", "25m", _authentications(refused="0x10 3x40")),
    _fires(
        "ConfigurationDiffers",
        "refused by one of two replicas",
        "20m",
        TICKETED | {"why": "refused"},
        {
            f'gateway_config_differs{{{GATEWAY},why="refused",instance="a"}}': "1x30",
            f'gateway_config_differs{{{GATEWAY},why="refused",instance="b"}}': "0x30",
        },
    ),
    _is_silent(
        "ConfigurationDiffers",
        "pods of another version, until they are replaced",
        "20m",
        {f'gateway_config_differs{{{GATEWAY},why="refused"}}': "0x5 1x10 0x20"},
    ),
    _fires(
        "LedgerFails",
        "the check fails",
        "4m",
        PAGED | {"doing": "check"},
        {f'gateway_ledger_failures_total{{{GATEWAY},doing="check"}}': "0+60x10"},
    ),
    _fires(
        "LedgerFails",
        "callers are told so",
        "4m",
        PAGED | {"code": "acceptance_unknown"},
        {f'gateway_problems_total{{{GATEWAY},code="acceptance_unknown"}}': "0+1x10"},
    ),
    _is_silent(
        "LedgerFails",
        "callers make mistakes",
        "4m",
        {
            f'gateway_problems_total{{{GATEWAY},code="invalid_request"}}': "0+1x10",
            f'gateway_ledger_failures_total{{{GATEWAY},doing="check"}}': "5x10",
        },
    ),
    _fires(
        "EvidenceBroken",
        "one receipt",
        "9m",
        PAGED | {"what": "receipt"},
        {f'gateway_evidence_broken_total{{{GATEWAY},what="receipt"}}': "0x5 1x20"},
    ),
    _is_silent("EvidenceBroken", "none", "9m", {f'gateway_evidence_broken_total{{{GATEWAY},what="receipt"}}': "0x20"}),
    _fires(
        "CheckpointsFail",
        "again and again",
        "50m",
        TICKETED,
        {f'gateway_checkpoints_total{{{GATEWAY},outcome="failed"}}': "0+1x60"},
    ),
    _is_silent(
        "CheckpointsFail",
        "once, and then it worked",
        "90m",
        {
            f'gateway_checkpoints_total{{{GATEWAY},outcome="failed"}}': "0x5 1x120",
            f'gateway_checkpoints_total{{{GATEWAY},outcome="written"}}': "0x40 1x120",
        },
    ),
    _fires(
        "QueueNearlyFull",
        "nine tenths, over two replicas",
        "12m",
        TICKETED,
        {
            f'gateway_cases_pending{{{HUB},instance="a"}}': "180000x20",
            f'gateway_cases_pending{{{HUB},instance="b"}}': "180000x20",
            f'gateway_queue_limit_cases{{{GATEWAY},instance="a"}}': "200000x20",
        },
    ),
    _is_silent(
        "QueueNearlyFull",
        "half, which two replicas tell",
        "12m",
        {
            f'gateway_cases_pending{{{HUB},instance="a"}}': "100000x20",
            f'gateway_cases_pending{{{HUB},instance="b"}}': "100000x20",
            f'gateway_queue_limit_cases{{{GATEWAY},instance="a"}}': "200000x20",
        },
    ),
    Situation("Absent", "none was ever there", "7m", PAGED, {"other": "1x20"}),
    _fires(
        "Absent",
        "one of two is gone",
        "17m",
        PAGED,
        {
            f'gateway_build_info{{{GATEWAY},version="1"}}': "1x5 _x30",
            'gateway_build_info{namespace="other",job="g",version="1"}': "1x40",
        },
    ),
    _is_silent(
        "Absent",
        "a replica was replaced",
        "17m",
        {
            f'gateway_build_info{{{GATEWAY},instance="a",version="1"}}': "1x5 _x30",
            f'gateway_build_info{{{GATEWAY},instance="b",version="2"}}': "_x4 1x40",
        },
    ),
)
