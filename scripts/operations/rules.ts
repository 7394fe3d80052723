import { type Alert, duration } from "./alerts.ts"

/** The file of rules that Prometheus reads. */
export const rules = (alerts: ReadonlyArray<Alert>, head = "", group = "effect-ioredis-cache"): string =>
  `${head}groups:
  - name: ${group}
    rules:
${alerts.map(rule).join("\n")}`

// A double-quoted scalar of YAML is what JSON makes of a text.
const rule = (alert: Alert): string => `      - alert: ${alert.name}
        expr: |-
${indented(alert.expr)}
${alert.for === 0 ? "" : `        for: ${duration(alert.for)}\n`}        labels:
          severity: ${alert.severity}
        annotations:
          summary: ${JSON.stringify(alert.summary)}
          description: ${JSON.stringify(alert.description)}
          runbook: docs/runbook.md#${alert.runbook}
`

const indented = (text: string): string =>
  text
    .split("\n")
    .map((line) => `          ${line}`)
    .join("\n")
