{{/* Names and labels. A name has at most 63 characters, whatever is appended to it. */}}

{{- define "case-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "case-gateway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "case-gateway.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* (list . "metrics"): the full name with a suffix, for which the name gives way. */}}
{{- define "case-gateway.suffixed" -}}
{{- $suffix := index . 1 -}}
{{- printf "%s-%s" (include "case-gateway.fullname" (index . 0) | trunc (sub 62 (len $suffix) | int) | trimSuffix "-") $suffix -}}
{{- end -}}

{{/* (list . "gateway"): what tells the pods of a component from all others; it never changes. */}}
{{- define "case-gateway.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "case-gateway.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* (list . "gateway"): the labels of a component's pods. None changes with the chart alone: that would replace them. */}}
{{- define "case-gateway.podLabels" -}}
{{- with (index . 0).Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
{{ include "case-gateway.selector" . }}
{{- end -}}

{{/* (list . "gateway"): the labels of every object of a component. */}}
{{- define "case-gateway.labels" -}}
{{- $root := index . 0 -}}
{{ include "case-gateway.podLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* Where callers in the cluster find the API. */}}
{{- define "case-gateway.url" -}}
{{- $scheme := ternary "https" "http" (not (empty (.Values.config.server | default dict).tls)) -}}
{{ $scheme }}://{{ include "case-gateway.fullname" . }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port | int }}
{{- end -}}

{{- define "case-gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "case-gateway.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "case-gateway.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}
