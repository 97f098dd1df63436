/**
 * Small multiples of time series with uPlot, one cursor over all. A gap is a break in the line, never a zero; marks stand
 * where the serving cell changed or the device booted.
 */
import { h } from './dom.js'
import { currentZone } from './format.js'
import uPlot from './uplot.js'

const plotHeight = 132
const colour = (index) =>
  getComputedStyle(document.documentElement)
    .getPropertyValue(`--series-${(index % 6) + 1}`)
    .trim()
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/** A step without a point is a break where the device reports steadily; `everyMs` is the step asked for. */
const aligned = (series, everyMs) => {
  const times = [...new Set(series.flatMap(({ points }) => points.map(({ at }) => Date.parse(at))))].sort((a, b) => a - b)
  const gap = Math.max(everyMs, medianGap(times)) * 2.5
  const withBreaks = []
  for (const [i, at] of times.entries()) {
    if (i > 0 && at - times[i - 1] > gap) withBreaks.push(times[i - 1] + 1)
    withBreaks.push(at)
  }
  const columns = series.map(({ points }) => {
    const byTime = new Map(points.map((point) => [Date.parse(point.at), point.value]))
    // Undefined joins over (another series' time); null breaks the line.
    return withBreaks.map((at) => (byTime.has(at) ? byTime.get(at) : times.includes(at) ? undefined : null))
  })
  return [withBreaks.map((at) => at / 1000), ...columns]
}

const medianGap = (times) => {
  const gaps = times.slice(1).map((at, i) => at - times[i])
  // The lower one of two: with one pause among few readings, the pause must not become the rule.
  return gaps.sort((a, b) => a - b)[Math.floor((gaps.length - 1) / 2)] ?? 0
}

/**
 * One chart. `update({ series: [{ label, points: [{ at, value }] }], fromMs, toMs, everyMs, marks, range })` redraws it;
 * `format` writes values with their unit; `onPoint(atMs)` is called for the point clicked, or the last one by the button.
 */
export const chart = ({ title, format, axisFormat = format, axisWidth = 62 }) => {
  const legend = h('div', { class: 'legend' })
  const plot = h('div', { class: 'plot' })
  const extra = h('div', { class: 'cells' })
  const root = h(
    'section',
    { class: 'chart', 'aria-label': title },
    h(
      'header',
      {},
      h(
        'h3',
        {},
        title,
        h(
          'button',
          {
            type: 'button',
            class: 'why',
            'aria-label': `Explain the last point of ${title}`,
            title: 'Which messages the last point came from',
            onclick: () => pointAt(null),
          },
          '?',
        ),
      ),
      legend,
    ),
    plot,
    extra,
  )
  let drawn
  let shown

  const writeLegend = (index) => {
    legend.replaceChildren(
      ...(shown?.series ?? []).map(({ label }, i) => {
        const values = drawn.data[i + 1]
        const value = index === null || index === undefined ? values.findLast((v) => v !== null && v !== undefined) : values[index]
        const key = h(
          'span',
          { class: 'key' },
          `${label === '' ? '' : `${label} `}${value === null || value === undefined ? '—' : format(value)}`,
        )
        key.style.setProperty('--key', colour(i))
        return key
      }),
    )
  }

  /** Only a moment that has a value: breaks have none. */
  const pointAt = (index) => {
    if (drawn === undefined || shown?.onPoint === undefined) return
    const filled = (i) => drawn.data.slice(1).some((values) => values[i] !== null && values[i] !== undefined)
    const at = index !== null && index !== undefined && filled(index) ? index : drawn.data[0].findLastIndex((_at, i) => filled(i))
    if (at >= 0) shown.onPoint(Math.round(drawn.data[0][at] * 1000))
  }

  const draw = () => {
    drawn?.destroy()
    drawn = undefined
    plot.replaceChildren()
    if (shown === undefined) return
    if (shown.series.every(({ points }) => points.every(({ value }) => value === null))) {
      legend.replaceChildren()
      plot.append(h('p', { class: 'empty' }, 'no readings in this range'))
      return
    }
    const axis = {
      stroke: css('--soft'),
      grid: { stroke: css('--rule'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    }
    drawn = new uPlot(
      {
        width: Math.max(200, plot.clientWidth),
        height: plotHeight,
        legend: { show: false },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), currentZone()),
        cursor: { sync: { key: 'device' }, points: { size: 5 }, drag: { x: false, y: false }, y: false },
        scales: { x: { time: true, range: () => [shown.fromMs / 1000, shown.toMs / 1000] }, y: { range: shown.range ?? padded } },
        axes: [
          { ...axis, size: 24, space: 70, values: axisTimes },
          { ...axis, size: axisWidth, space: 24, values: (_self, splits) => splits.map((value) => axisFormat(value)) },
        ],
        series: [
          {},
          ...shown.series.map((_series, i) => ({
            stroke: colour(i),
            width: 1.5,
            points: { show: (self, index) => alone(self.data[index]), size: 4, fill: colour(i) },
          })),
        ],
        hooks: {
          ready: [(self) => self.over.addEventListener('click', () => pointAt(self.cursor.idx))],
          draw: [(self) => drawMarks(self, shown.marks ?? [])],
          setCursor: [(self) => writeLegend(self.cursor.idx)],
        },
      },
      aligned(shown.series, shown.everyMs),
      plot,
    )
    writeLegend(null)
  }

  const resized = new ResizeObserver(() => {
    if (drawn !== undefined && Math.abs(drawn.width - plot.clientWidth) > 1)
      drawn.setSize({ width: Math.max(200, plot.clientWidth), height: plotHeight })
  })
  resized.observe(plot)
  const scheme = matchMedia('(prefers-color-scheme: dark)')
  scheme.addEventListener('change', draw)

  return {
    root,
    extra,
    update: (next) => {
      shown = next
      draw()
    },
    leave: () => {
      resized.disconnect()
      scheme.removeEventListener('change', draw)
      drawn?.destroy()
    },
  }
}

/** Few points are shown as points, or a single reading would be invisible. */
const alone = (values) => values.filter((value) => value !== null && value !== undefined).length < 40

const padded = (_self, min, max) => {
  if (min === null || max === null) return [0, 1]
  const pad = Math.max((max - min) * 0.08, Math.abs(max) * 0.005, 1e-9)
  return [min >= 0 && min - pad < 0 ? 0 : min - pad, max + pad]
}

const two = (value) => String(value).padStart(2, '0')
/** 24 h, and the day where it changes. */
const axisTimes = (_self, splits) => {
  let day = ''
  return splits.map((seconds, i) => {
    const at = uPlot.tzDate(new Date(seconds * 1000), currentZone())
    const today = `${two(at.getMonth() + 1)}-${two(at.getDate())}`
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}`
    const daily = splits.length > 1 && splits[1] - splits[0] >= 86_400
    const text = daily ? today : i > 0 && today !== day ? `${today} ${clock}` : clock
    day = today
    return text
  })
}

const drawMarks = (self, marks) => {
  const { ctx, bbox } = self
  ctx.save()
  ctx.setLineDash([3, 3])
  ctx.lineWidth = 1
  for (const { atMs, kind } of marks) {
    const x = Math.round(self.valToPos(atMs / 1000, 'x', true)) + 0.5
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.strokeStyle = kind === 'boot' ? css('--bad') : css('--rule-strong')
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
  }
  ctx.restore()
}
