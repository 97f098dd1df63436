/** The charts of one device: load, processor, memory, temperature, traffic, radio; and any other metric that it has. */
import { get } from './api.js'
import { chart } from './charts.js'
import { attributesText } from './device-state.js'
import { h, replace } from './dom.js'
import { bitsPerSecond, quantity, time } from './format.js'

const stepMs = { '10s': 10_000, '30s': 30_000, '1m': 60_000, '5m': 300_000, '15m': 900_000, '1h': 3_600_000, '6h': 21_600_000 }
const stepFor = (rangeMs) => Object.entries(stepMs).find(([, ms]) => rangeMs / ms <= 400)?.[0] ?? '6h'

const percent = (value) => quantity(value, '1', 'utilization')
const standard = [
  {
    title: 'Load average',
    metrics: [
      ['system.cpu.load_average.1m', '1 min'],
      ['system.cpu.load_average.15m', '15 min'],
    ],
    format: (v) => v.toFixed(2),
  },
  { title: 'Processor', metrics: [['system.cpu.utilization', '', '']], format: percent },
  {
    title: 'Memory',
    metrics: [
      ['system.memory.usage', 'used', '{"system.memory.state":"used"}'],
      ['system.memory.linux.available', 'available'],
    ],
    format: (v) => quantity(v, 'By'),
  },
  { title: 'Temperature', metrics: [['hw.temperature', '']], format: (v) => quantity(v, 'Cel') },
]
const loopback = /"network\.interface\.name":"lo"/

/** `explain` opens the messages behind a point. */
export const chartsPart = (id, explain) => {
  const grid = h('div', { class: 'charts' })
  const caption = h('small', {})
  const picker = h('select', { 'aria-label': 'Add a chart', onchange: () => add(picker.value) })
  const root = h(
    'section',
    { class: 'panel' },
    h('h2', {}, h('span', {}, 'Charts ', caption), picker),
    h('div', { class: 'strip-place' }),
    grid,
  )
  const charts = new Map()
  const chosen = new Set()
  let names = []
  let shownRange

  const chartOf = (key, options) => {
    let found = charts.get(key)
    if (found === undefined) {
      found = chart(options)
      charts.set(key, found)
      grid.append(found.root)
    }
    return found
  }
  const add = (metric) => {
    if (metric !== '') chosen.add(metric)
    void refresh(shownRange)
  }

  const refresh = async (range) => {
    shownRange = range
    const has = (metric) => names.some((row) => row.metric === metric)
    const step = stepFor(range.toMs - range.fromMs)
    const asked = { from: new Date(range.fromMs).toISOString(), to: new Date(range.toMs).toISOString(), step, knownAt: range.knownAt }
    const everyMs = stepMs[step]
    const [answer, radio] = await Promise.all([get(`devices/${id}/metrics/names`), get(`devices/${id}/radio/series`, asked)])
    names = answer.items
    const cellChanges = changesOf(radio.points)
    const frame = { fromMs: range.fromMs, toMs: range.toMs, everyMs, marks: cellChanges }
    const onPoint = (title, params) => (atMs) =>
      explain({
        title: `${title}, ${step} from ${time(new Date(atMs).toISOString())}`,
        ...params,
        bucket: new Date(atMs).toISOString(),
        step,
      })
    // A mean over long steps hides the peaks: a chart of one series has them beside it.
    const quantiles = everyMs >= stepMs['15m'] ? '0.95' : undefined
    const series = async (metric, label, attributes, kind = 'measurement') =>
      kind === 'counter'
        ? (await get(`devices/${id}/counters`, { ...asked, metric })).series.map((one) => ({
            label: attributesText(one.attributes),
            points: one.points.map(({ at, ratePerSecond }) => ({ at, value: ratePerSecond })),
          }))
        : (await get(`devices/${id}/metrics`, { ...asked, metric, quantiles, ...(attributes ? { attributes } : {}) })).series
            .filter((one) => attributes !== '' || Object.keys(one.attributes).length === 0)
            .map((one) => ({ label: label || attributesText(one.attributes), points: one.points }))
    const withPeaks = (list) =>
      quantiles === undefined || list.length !== 1
        ? list
        : list.flatMap(({ label, points }) => [
            { label: label || 'mean', points },
            { label: '95th percentile', points: points.map((point) => ({ at: point.at, value: point.quantiles?.[quantiles] ?? null })) },
          ])

    const jobs = standard
      .filter(({ metrics }) => metrics.some(([metric]) => has(metric)))
      .map(async ({ title, metrics, format }) => {
        const target = chartOf(title, { title, format })
        const parts = await Promise.all(metrics.filter(([metric]) => has(metric)).map((args) => series(...args)))
        const [shown] = metrics.filter(([metric]) => has(metric))
        const [metric, , attributes] = shown
        target.update({
          ...frame,
          series: withPeaks(parts.flat()),
          onPoint: onPoint(title, { metric, attributes: attributes === '' ? '{}' : attributes }),
        })
      })
    if (has('system.network.io')) {
      const target = chartOf('traffic', { title: 'Traffic', format: bitsPerSecond })
      jobs.push(
        get(`devices/${id}/counters`, { ...asked, metric: 'system.network.io' }).then((answer) => {
          const shown = busiest(answer.series.filter((one) => !loopback.test(JSON.stringify(one.attributes))))
          target.update({
            ...frame,
            onPoint: onPoint('Traffic', { metric: 'system.network.io' }),
            series: shown.map((one) => ({
              label: attributesText(one.attributes).replace('receive', '↓').replace('transmit', '↑'),
              points: one.points.map(({ at, ratePerSecond }) => ({ at, value: ratePerSecond })),
            })),
          })
        }),
      )
    }
    if (radio.points.length > 0 || charts.has('rsrp'))
      drawRadio(chartOf, radio.points, { ...frame, onPoint: onPoint('Radio', { of: 'radio' }) })
    for (const metric of chosen) {
      const known = names.find((row) => row.metric === metric)
      if (known === undefined) continue
      const format = (value) =>
        known.kind === 'counter'
          ? known.unit === 'By'
            ? bitsPerSecond(value)
            : `${quantity(value, null)} /s`
          : quantity(value, known.unit, metric)
      const target = chartOf(metric, { title: metric, format })
      jobs.push(
        series(metric, '', undefined, known.kind).then((list) =>
          target.update({
            ...frame,
            series: known.kind === 'measurement' ? withPeaks(list.slice(0, 6)) : list.slice(0, 6),
            onPoint: onPoint(metric, { metric }),
          }),
        ),
      )
    }
    await Promise.all(jobs)
    caption.textContent = `mean per ${step}; lines break where nothing came; a click on a point shows its messages`
    if (charts.size === 0) replace(grid, h('p', { class: 'empty' }, 'No series yet.'))
    replace(
      picker,
      h('option', { value: '' }, 'Add a chart …'),
      names.filter(({ metric }) => !chosen.has(metric)).map(({ metric }) => h('option', { value: metric }, metric)),
    )
  }

  return {
    root,
    refresh,
    leave: () => {
      for (const one of charts.values()) one.leave()
    },
  }
}

/** Up to six series by their highest rate; idle interfaces only where all are idle. */
const busiest = (series) => {
  const ranked = series
    .map((one) => ({ one, top: Math.max(0, ...one.points.map(({ ratePerSecond }) => ratePerSecond ?? 0)) }))
    .sort((a, b) => b.top - a.top)
  const busy = ranked.filter(({ top }) => top > 0)
  return (busy.length > 0 ? busy : ranked).slice(0, 6).map(({ one }) => one)
}

const drawRadio = (chartOf, points, frame) => {
  const of = (field) => points.map((point) => ({ at: point.at, value: point[field] }))
  const db = (unit) => (value) => quantity(value, unit)
  const rsrp = chartOf('rsrp', { title: 'RSRP', format: db('dBm'), axisFormat: (v) => String(v).replace('-', '−') })
  rsrp.update({ ...frame, series: [{ label: '', points: of('rsrpDbm') }] })
  const names = [...new Set(points.filter(({ cell }) => cell !== null).map(({ cell }) => cell.name ?? String(cell.id)))]
  replace(
    rsrp.extra,
    names.length === 0
      ? undefined
      : `${frame.marks.length} cell changes over ${names.length} cells: ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`,
  )
  chartOf('quality', { title: 'RSRQ and SINR', format: db('dB'), axisFormat: (v) => String(v).replace('-', '−') }).update({
    ...frame,
    series: [
      { label: 'RSRQ', points: of('rsrqDb') },
      { label: 'SINR', points: of('sinrDb') },
    ],
  })
}

const changesOf = (points) => {
  const changes = []
  let before
  for (const { at, cell } of points) {
    if (cell === null) continue
    if (before !== undefined && cell.id !== before) changes.push({ atMs: Date.parse(at), kind: 'cell' })
    before = cell.id
  }
  return changes
}
