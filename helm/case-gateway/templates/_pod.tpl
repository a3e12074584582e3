{{/* What the gateway's pods and that of the configuration check have in common. */}}

{{- define "case-gateway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "case-gateway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* (list . "configmap"): the volumes with the configuration and everything that it may point to. */}}
{{- define "case-gateway.configVolumes" -}}
{{- $root := index . 0 -}}
- name: config
  configMap:
    name: {{ index . 1 }}
    defaultMode: 0440
{{- range $name, $secret := $root.Values.secrets }}
- name: secret-{{ $name }}
  secret:
    secretName: {{ $secret.secretName }}
    defaultMode: 0440
{{- end }}
{{- if eq $root.Values.ledger.type "postgresql" }}
{{- with $root.Values.ledger.postgresql.passwordSecret }}
{{- if .name }}
- name: ledger-password
  secret:
    secretName: {{ .name }}
    defaultMode: 0440
    items:
      - key: {{ .key }}
        path: {{ .key }}
{{- end }}
{{- end }}
{{- end }}
{{- if $root.Values.issuerAccess.enabled }}
- name: cluster
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: {{ $root.Values.issuerAccess.expirationSeconds | int }}
          {{- with $root.Values.issuerAccess.audience }}
          audience: {{ . | quote }}
          {{- end }}
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
{{- end }}
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "case-gateway.configMounts" -}}
- name: config
  mountPath: /etc/gateway/config
  readOnly: true
{{- range $name, $secret := .Values.secrets }}
- name: secret-{{ $name }}
  mountPath: /etc/gateway/secrets/{{ $name }}
  readOnly: true
{{- end }}
{{- if and (eq .Values.ledger.type "postgresql") .Values.ledger.postgresql.passwordSecret.name }}
- name: ledger-password
  mountPath: /etc/gateway/ledger
  readOnly: true
{{- end }}
{{- if .Values.issuerAccess.enabled }}
- name: cluster
  mountPath: /var/run/secrets/cluster
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
