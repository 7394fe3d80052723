/** The page around the charts: one file, nothing from elsewhere, light or dark as the reader's system is. */
export const make = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
:root {
  color-scheme: light dark;
  --page: #fcfcfb; --ink: #1d1d1b; --dim: #6b6a66; --rule: #dddbd5; --fault: #d0433a;
  --redis: #3f7fc1; --memory: #e0a13a; --lookup: #6aa56a; --miss: #bdbab3; --max: #b4574a; --p99: #3f7fc1;
  --loop: #8f8c85; --journal: #7d5ba6; --closed: #6aa56a; --open: #d0433a; --half: #e0a13a; --heap: #3f7fc1; --gc: #7d5ba6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #191a1c; --ink: #e8e6e1; --dim: #a09d96; --rule: #3a3b3d; --fault: #ff7a70; --miss: #63625e; --loop: #8f8c85;
    --redis: #6aa5e2; --p99: #6aa5e2; --max: #e08576; --journal: #b093d6; --heap: #6aa5e2; --gc: #b093d6;
  }
}
body { background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 74rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.6rem 0 .1rem; } h3 { font-size: .85rem; font-weight: 600; margin: .9rem 0 .1rem; }
p { margin: .2rem 0 .6rem; max-width: 52rem; } .dim, h3 span { color: var(--dim); font-weight: normal; }
svg { display: block; width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--dim); }
.grid { stroke: var(--rule); stroke-width: .6; } .fault { fill: var(--fault); opacity: .13; }
.limit { stroke: var(--fault); stroke-width: 1; stroke-dasharray: 5 4; } svg .limit-text { fill: var(--fault); stroke: var(--page); stroke-width: 3; paint-order: stroke; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; margin: .6rem 0; width: 100%; }
th, td { text-align: right; padding: .25rem .45rem; border-bottom: 1px solid var(--rule); vertical-align: bottom; white-space: nowrap; }
th { font-weight: 600; white-space: normal; } th:first-child, td:first-child { text-align: left; } td.bad { color: var(--fault); font-weight: 600; }
ul { padding-left: 1.2rem; } .key { display: inline-block; width: .75em; height: .75em; border-radius: 2px; margin: 0 .35em 0 .9em; } .key:first-child { margin-left: 0; }
</style>
</head>
<body>
${body}
</body>
</html>
`

/** What a colour stands for. */
export const key = (colour: string, meaning: string): string =>
  `<i class="key" style="background:var(--${colour})"></i>${meaning}`

export const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[character] ?? character)
