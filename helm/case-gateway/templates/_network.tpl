{{/* Ports, as entries of a NetworkPolicy, that the configuration leads to. */}}

{{/* The port of a URL: the one that stands in it, else its scheme's. */}}
{{- define "case-gateway.portOfUrl" -}}
{{- $url := urlParse . -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- end -}}

{{- define "case-gateway.upstreamPorts" -}}
{{- $ports := dict -}}
{{- $places := list (list "backends" "base_url") (list "credentials" "token_url") (list "issuers" "jwks_url") -}}
{{- range $place := $places -}}
{{- range index $.Values.config (first $place) -}}
{{- with index . (last $place) -}}
{{- $_ := set $ports (include "case-gateway.portOfUrl" .) true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "case-gateway.portEntries" (keys $ports) -}}
{{- end -}}

{{/* Several servers may stand in the URL, each with its port; an IPv6 address is in brackets. */}}
{{- define "case-gateway.databasePorts" -}}
{{- $authority := regexReplaceAll "^[a-z]+://|/.*$" .Values.ledger.postgresql.url "" -}}
{{- $servers := regexReplaceAll "^.*@|\\[[^]]*\\]" $authority "" -}}
{{- $ports := dict -}}
{{- range splitList "," $servers -}}
{{- $_ := set $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default "5432") true -}}
{{- end -}}
{{- include "case-gateway.portEntries" (keys $ports) -}}
{{- end -}}

{{- define "case-gateway.portEntries" -}}
{{- range sortAlpha . }}
- port: {{ . }}
  protocol: TCP
{{- end -}}
{{- end -}}
