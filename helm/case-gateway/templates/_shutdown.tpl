{{/*
How long a pod takes to stop, in seconds: it sleeps until no Service sends requests to it, then sees the calls under way
to their end (drain), then closes. What is cut short would hold its slot and its case until the lease ends.
*/}}

{{/* The slowest call to an upstream: the longest `timeout_seconds`, 60 where it is left out. */}}
{{- define "case-gateway.slowestCallSeconds" -}}
{{- $slowest := 0.0 -}}
{{- range .Values.config.backends -}}
{{- $slowest = maxf $slowest (.timeout_seconds | default 60) -}}
{{- end -}}
{{- if not .Values.config.backends -}}{{- $slowest = 60 -}}{{- end -}}
{{- ceil $slowest | int -}}
{{- end -}}

{{- define "case-gateway.drainSeconds" -}}
{{- $slowest := include "case-gateway.slowestCallSeconds" . | int -}}
{{- $drain := (.Values.config.server | default dict).drain_seconds -}}
{{- if not (kindIs "invalid" $drain) -}}
{{- if lt (float64 $drain) (float64 $slowest) -}}
{{- fail (printf "config.server.drain_seconds is %v, but a call to an upstream may take %d seconds (timeout_seconds of config.backends); leave it out, or give at least that" $drain $slowest) -}}
{{- end -}}
{{- ceil $drain | int -}}
{{- else -}}
{{- add $slowest 15 -}}
{{- end -}}
{{- end -}}

{{- define "case-gateway.gracePeriodSeconds" -}}
{{- $drain := include "case-gateway.drainSeconds" . | int -}}
{{- $needed := add .Values.shutdown.preStopSleepSeconds $drain 15 | int -}}
{{- $given := .Values.shutdown.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $given -}}
{{- $needed -}}
{{- else if lt (int $given) $needed -}}
{{- fail (printf "shutdown.terminationGracePeriodSeconds is %d, but stopping may take %d seconds: %d of preStopSleepSeconds, %d of config.server.drain_seconds, and 15 to close; leave it out, or give at least that" (int $given) $needed (int .Values.shutdown.preStopSleepSeconds) $drain) -}}
{{- else -}}
{{- int $given -}}
{{- end -}}
{{- end -}}
