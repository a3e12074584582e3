{{/* The ledger: one pod on a volume, or several on PostgreSQL. */}}

{{/* Not empty if there may be more than one pod. */}}
{{- define "case-gateway.several" -}}
{{- if .Values.autoscaling.enabled -}}
{{- if gt (int .Values.autoscaling.maxReplicas) 1 -}}true{{- end -}}
{{- else if gt (int .Values.replicaCount) 1 -}}true
{{- end -}}
{{- end -}}

{{/* Not empty if a pod may be taken away while others stay: there are always at least two. */}}
{{- define "case-gateway.alwaysSeveral" -}}
{{- $least := ternary .Values.autoscaling.minReplicas .Values.replicaCount .Values.autoscaling.enabled -}}
{{- if gt (int $least) 1 -}}true{{- end -}}
{{- end -}}

{{/* Refuses what would lose work: several pods on a file, or none of the two ledgers. Renders nothing. */}}
{{- define "case-gateway.checkLedger" -}}
{{- if eq .Values.ledger.type "sqlite" -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail "autoscaling.enabled needs ledger.type: postgresql; a SQLite ledger is for one pod" -}}
{{- else if include "case-gateway.several" . -}}
{{- fail (printf "replicaCount is %d, which needs ledger.type: postgresql; a SQLite ledger is for one pod" (int .Values.replicaCount)) -}}
{{- end -}}
{{- else if not .Values.ledger.postgresql.url -}}
{{- fail "ledger.postgresql.url is missing: postgresql://user@host/database" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}

{{- define "case-gateway.claimName" -}}
{{- default (include "case-gateway.suffixed" (list . "ledger")) .Values.ledger.sqlite.existingClaim -}}
{{- end -}}

{{/* The `store` section of the configuration. */}}
{{- define "case-gateway.store" -}}
{{- $store := deepCopy (.Values.config.store | default dict) -}}
{{- if eq .Values.ledger.type "sqlite" -}}
{{- $_ := set $store "url" "sqlite:////var/lib/gateway/gateway.db" -}}
{{- else -}}
{{- $_ := set $store "url" .Values.ledger.postgresql.url -}}
{{- if .Values.ledger.postgresql.passwordSecret.name -}}
{{- $_ := set $store "password_file" (printf "/etc/gateway/ledger/%s" .Values.ledger.postgresql.passwordSecret.key) -}}
{{- end -}}
{{- end -}}
{{- toYaml $store -}}
{{- end -}}
