import { LegendDisplayMode, LegendPlacement, VisibilityMode } from "@grafana/grafana-foundation-sdk/common"
import { VizLegendOptionsBuilder, VizTooltipOptionsBuilder } from "@grafana/grafana-foundation-sdk/common"
import { SortOrder, TooltipDisplayMode } from "@grafana/grafana-foundation-sdk/common"
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh
} from "@grafana/grafana-foundation-sdk/dashboard"
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus"
import { PanelBuilder } from "@grafana/grafana-foundation-sdk/timeseries"
import type { Question } from "./questions.ts"
import { withMatcher } from "./selector.ts"

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in.
const datasource = { type: "prometheus", uid: "${datasource}" }

const matcher = 'job=~"$job", instance=~"$instance"'

/** What a dashboard is called, and which metric all of its programs have. */
export interface About {
  readonly uid: string
  readonly title: string
  readonly tag: string
  readonly everywhere: string
}

/** A dashboard: a panel for each question, in rows, for the jobs and processes that its reader chooses. */
export const dashboard = (
  { everywhere, tag, title, uid }: About,
  questions: ReadonlyArray<Question>,
  metrics: ReadonlyArray<string>
): string => {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description("What is asked on call, a panel for each question. docs/monitoring.md says what each one tells.")
    .tags(["redis", tag, "effect"])
    .timezone("browser")
    .refresh("30s")
    .time({ from: "now-1h", to: "now" })
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"))
    .withVariable(valuesOf("job", everywhere))
    .withVariable(valuesOf("instance", `${everywhere}{job=~"$job"}`))
  for (const row of new Set(questions.map(({ row }) => row))) {
    builder.withRow(new RowBuilder(row))
    for (const question of questions) if (question.row === row) builder.withPanel(panel(question, metrics))
  }
  return `${JSON.stringify(builder.build(), null, 2)}\n`
}

const valuesOf = (label: string, metric: string): QueryVariableBuilder =>
  new QueryVariableBuilder(label)
    .datasource(datasource)
    .query(`label_values(${metric}, ${label})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    // Without it "all" is a list of every value there is.
    .allValue(".+")

const panel = ({ legend, query, question, unit }: Question, metrics: ReadonlyArray<string>): PanelBuilder =>
  new PanelBuilder()
    .title(question)
    .datasource(datasource)
    .unit(unit)
    .min(0)
    .height(7)
    .span(8)
    .fillOpacity(8)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .withTarget(
      new DataqueryBuilder()
        .datasource(datasource)
        .expr(withMatcher(inStep(query), matcher, metrics))
        .legendFormat(legend)
    )

// Grafana chooses a range that is never shorter than a few scrapes. Windows of rare events stay as they are.
const inStep = (query: string): string => query.replaceAll("[5m]", "[$__rate_interval]")
