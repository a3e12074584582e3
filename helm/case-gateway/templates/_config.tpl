{{/* The gateway's configuration file. */}}

{{/* The `server` section. */}}
{{- define "case-gateway.server" -}}
{{- $server := deepCopy (.Values.config.server | default dict) -}}
{{- $_ := set $server "host" .Values.listenHost -}}
{{- $_ := set $server "port" 8080 -}}
{{- $_ := set $server "metrics_port" 9090 -}}
{{- $_ := set $server "drain_seconds" (include "case-gateway.drainSeconds" . | int) -}}
{{- toYaml $server -}}
{{- end -}}

{{/* What a running gateway cannot take over: pods are replaced when it changes. */}}
{{- define "case-gateway.fixed" -}}
server:
  {{- include "case-gateway.server" . | nindent 2 }}
store:
  {{- include "case-gateway.store" . | nindent 2 }}
{{- with .Values.config.audit }}
audit:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "case-gateway.config" -}}
{{ include "case-gateway.fixed" . }}
{{- range $section, $content := omit .Values.config "server" "store" "audit" }}
{{- with $content }}
{{ $section }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
