/** Charts as SVG text. Colours are CSS variables of the page, so that they follow its light and dark. */

export interface Frame {
  readonly width: number
  readonly height: number
  /** How many points there are on the x axis, and how many milliseconds lie between two. */
  readonly points: number
  readonly stepMillis: number
  /** Milliseconds since the first point: the x axis is labelled with seconds since this. */
  readonly zeroMillis: number
  /** A part that is shaded, in milliseconds since the first point. */
  readonly shaded?: readonly [from: number, to: number]
}

export interface Scale {
  readonly max: number
  readonly ticks: ReadonlyArray<number>
  readonly label: (value: number) => string
  /** Share of the height, 0 to 1. */
  readonly of: (value: number) => number
}

export interface Line {
  readonly colour: string
  readonly values: ReadonlyArray<number>
  readonly dashed?: boolean
}

const left = 62
const right = 12
const top = 8
const bottom = 22

/** From 0 to a round number that holds the largest value. */
export const linear = (largest: number, label: (value: number) => string = short): Scale => {
  const rough = Math.max(largest, 1) / 3
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = Math.max(1, ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power)
  const max = Math.ceil(Math.max(largest, 1) / step) * step
  const ticks = Array.from({ length: Math.round(max / step) + 1 }, (_, index) => index * step)
  return { max, ticks, label, of: (value) => value / max }
}

/** Each decade as high as the next. What is below the lowest is drawn on the axis. */
export const logarithmic = (ticks: ReadonlyArray<number>, label: (value: number) => string): Scale => {
  const low = Math.log10(ticks[0] ?? 1)
  const max = ticks.at(-1) ?? 10
  const span = Math.log10(max) - low
  return { max, ticks, label, of: (value) => (value <= 0 ? 0 : Math.max(0, (Math.log10(value) - low) / span)) }
}

/** Areas on top of each other. */
export const areas = (frame: Frame, scale: Scale, layers: ReadonlyArray<Line>): string => {
  let below = Array.from({ length: frame.points }, () => 0)
  const drawn = layers.map(({ colour, values }) => {
    const above = below.map((base, index) => base + (values[index] ?? 0))
    const path = [...points(frame, scale, above), ...points(frame, scale, below).toReversed()]
    below = above
    return `<path d="M${path.join("L")}Z" fill="var(--${colour})"/>`
  })
  return chart(frame, scale, drawn.join(""))
}

export const lines = (
  frame: Frame,
  scale: Scale,
  all: ReadonlyArray<Line>,
  limit?: { readonly value: number; readonly label: string }
): string => {
  const drawn = all.map(
    ({ colour, dashed, values }) =>
      `<polyline points="${points(frame, scale, values).join(" ")}" fill="none" stroke="var(--${colour})" stroke-width="${dashed === true ? 1 : 1.5}"${dashed === true ? ' stroke-dasharray="3 2"' : ""}/>`
  )
  const at = limit === undefined ? 0 : y(frame, scale, limit.value)
  const limitLine =
    limit === undefined
      ? ""
      : `<line x1="${left}" x2="${frame.width - right}" y1="${at}" y2="${at}" class="limit"/><text x="${frame.width - right - 4}" y="${at - 4}" text-anchor="end" class="limit-text">${limit.label}</text>`
  return chart(frame, scale, drawn.join("") + limitLine)
}

/** A row per process, coloured by state. */
export const strips = (
  frame: Frame,
  rows: ReadonlyArray<{ readonly label: string; readonly colours: ReadonlyArray<string> }>
): string => {
  const rowHeight = 14
  const height = rows.length * (rowHeight + 3) + 3
  const width = plotWidth(frame) / frame.points
  const drawn = rows.map(({ colours, label }, row) => {
    const at = 3 + row * (rowHeight + 3)
    const rects: Array<string> = []
    let begin = 0
    for (let index = 1; index <= colours.length; index++) {
      if (colours[index] === colours[begin]) continue
      rects.push(
        `<rect x="${fixed(left + begin * width)}" y="${at}" width="${fixed((index - begin) * width)}" height="${rowHeight}" fill="var(--${colours[begin]})"/>`
      )
      begin = index
    }
    return `<text x="${left - 6}" y="${at + 11}" text-anchor="end">${label}</text>${rects.join("")}`
  })
  return `<svg viewBox="0 0 ${frame.width} ${height}" role="img">${drawn.join("")}</svg>`
}

const chart = (frame: Frame, scale: Scale, content: string): string => {
  const grid = scale.ticks.map((tick) => {
    const at = y(frame, scale, tick)
    return `<line x1="${left}" x2="${frame.width - right}" y1="${at}" y2="${at}" class="grid"/><text x="${left - 6}" y="${at + 4}" text-anchor="end">${scale.label(tick)}</text>`
  })
  const [from, to] = frame.shaded ?? [0, 0]
  const shade =
    frame.shaded === undefined
      ? ""
      : `<rect x="${x(frame, from)}" y="${top}" width="${fixed(Math.max(2, Number(x(frame, to)) - Number(x(frame, from))))}" height="${frame.height - top - bottom}" class="fault"/>`
  const total = (frame.points * frame.stepMillis) / 1000
  const every = [1, 2, 5, 10, 30, 60].find((seconds) => total / seconds <= 16) ?? 60
  const zero = frame.zeroMillis / 1000
  const first = -Math.floor(zero / every) * every
  const seconds = Array.from(
    { length: Math.floor((total - zero - first) / every) + 1 },
    (_, index) => first + index * every
  )
  const labels = seconds.map(
    (second) =>
      `<text x="${x(frame, (zero + second) * 1000)}" y="${frame.height - 6}" text-anchor="middle">${second} s</text>`
  )
  return `<svg viewBox="0 0 ${frame.width} ${frame.height}" role="img">${shade}${content}${grid.join("")}${labels.join("")}</svg>`
}

const plotWidth = (frame: Frame) => frame.width - left - right

const x = (frame: Frame, millis: number) =>
  fixed(left + (plotWidth(frame) * millis) / (frame.points * frame.stepMillis))

const y = (frame: Frame, scale: Scale, value: number): number =>
  Number(fixed(top + (frame.height - top - bottom) * (1 - Math.min(1, scale.of(value)))))

const points = (frame: Frame, scale: Scale, values: ReadonlyArray<number>): Array<string> =>
  values.map((value, index) => `${x(frame, (index + 0.5) * frame.stepMillis)},${y(frame, scale, value)}`)

const fixed = (value: number): string => value.toFixed(1)

export const short = (value: number): string => value.toLocaleString("en-US")
