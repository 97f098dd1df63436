/** One device's clock: in words, its skew over time, the verdicts with the message that changed each, and when it was set. */
import { get } from './api.js'
import { chart } from './charts.js'
import { h, replace } from './dom.js'
import { count, exactTime, time } from './format.js'

const dayMs = 86_400_000
/** Of a clock that was never set: shown in words, on a chart it would flatten everything else. */
const drawnMaxMs = 2 * dayMs

export const verdictWords = {
  trusted: 'believed',
  missing: 'tells no time',
  'before-2010': 'not set',
  future: 'too far ahead',
}

/** +1.2 s, −90 s, +2.5 h: positive is ahead. */
export const signedLength = (ms) => {
  if (ms === null) return '—'
  const size = Math.abs(ms)
  const [length, unit] = [
    [365.25 * dayMs, 'years'],
    [dayMs, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ].find(([unitMs]) => size >= 2 * unitMs) ?? [size < 1_000 ? 1 : 1_000, size < 1_000 ? 'ms' : 's']
  const value = size / length
  return `${ms > 0 ? '+' : ms < 0 ? '−' : ''}${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))} ${unit}`
}

export const driftText = (ppm) => (ppm === null ? '—' : `${ppm > 0 ? '+' : ppm < 0 ? '−' : ''}${Number(Math.abs(ppm).toPrecision(3))} ppm`)

export const clockPart = (id) => {
  const words = h('p', { class: 'log-tools' })
  const facts = h('div', { class: 'sum' })
  const plot = chart({ title: 'Skew', format: signedLength, axisFormat: signedLength, axisWidth: 70 })
  // An estimate's message is in the API's answer; the chart has none to open.
  plot.root.querySelector('.why')?.remove()
  const body = h('tbody', {})
  const foot = h('div', { class: 'foot' })
  const root = h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Clock', h('small', {}, 'by arrival; ahead is positive')),
    words,
    facts,
    h('div', { class: 'charts one' }, plot.root),
    h('div', { class: 'scroll' }, h('table', { class: 'small-table' }, body)),
    foot,
  )

  const refresh = async ({ fromMs, toMs, live }) => {
    const asked = { from: new Date(Math.min(fromMs, toMs - dayMs)).toISOString(), to: live ? undefined : new Date(toMs + 1).toISOString() }
    const clock = await get(`devices/${id}/clock`, asked)
    replace(words, clock.text)
    replace(facts, figures(clock))
    const drawn = clock.estimates.filter(({ skewMs }) => Math.abs(skewMs) <= drawnMaxMs)
    plot.root.hidden = drawn.length === 0
    plot.update({
      series: [{ label: '', points: drawn.map(({ at, skewMs }) => ({ at, value: skewMs })) }],
      fromMs: Math.min(fromMs, toMs - dayMs),
      toMs,
      everyMs: 15 * 60_000,
      marks: [...clock.boots, ...clock.steps.map((step) => ({ ...step, kind: 'step' }))].map(({ at, kind = 'boot' }) => ({
        atMs: Date.parse(at),
        kind,
      })),
    })
    const rows = [...clock.verdicts.map(verdictRow), ...clock.steps.map(stepRow)].sort((a, b) => b.atMs - a.atMs)
    replace(
      body,
      rows.slice(0, 60).map(({ node }) => node),
    )
    replace(
      foot,
      `${count(clock.estimates.length)} estimates, one per 15 minutes with live messages`,
      drawn.length < clock.estimates.length ? `; ${count(clock.estimates.length - drawn.length)} off by days are not drawn` : '',
      rows.length > 60 ? `; the newest 60 of ${count(rows.length)} changes` : '',
      clock.changesCut ? '; more changes than are kept for a day' : '',
    )
  }
  return { root, refresh, leave: () => plot.leave() }
}

const figures = ({ skew, driftPpm, verdict }) =>
  [
    ['verdict', verdict === null ? '—' : verdictWords[verdict]],
    ['skew', skew === null || verdict === 'before-2010' ? '—' : signedLength(skew.skewMs)],
    [skew === null ? 'confidence' : `confidence, ${count(skew.samples)} samples`, skew === null ? '—' : skew.confidence],
    ['drift', driftText(driftPpm)],
  ].map(([label, value]) => h('div', {}, h('b', {}, value), h('span', { class: 'what' }, label)))

/** What the message said against when it came, and where it lies. */
const evidenceText = ({ receivedAt, claimedAt, topic, partition, offset }) =>
  [
    `arrived ${exactTime(receivedAt)}`,
    claimedAt === null ? 'claimed no time' : `claimed ${exactTime(claimedAt)}`,
    ...(topic === null ? [] : [topic]),
    `log ${partition}:${offset}`,
  ].join('\n')

const verdictRow = ({ verdict, from, messages, placedByArrival, evidence }) => ({
  atMs: Date.parse(from),
  node: h(
    'tr',
    {},
    h('td', { class: 'nowrap', title: exactTime(from) }, time(from)),
    h('td', { class: verdict === 'trusted' ? 'nowrap ok' : 'nowrap warn' }, verdictWords[verdict]),
    h(
      'td',
      { class: 'soft', title: evidenceText(evidence) },
      evidence.claimedAt === null ? 'claimed no time' : `claimed ${time(evidence.claimedAt)}`,
      `; ${count(messages)} messages since, ${placedByArrival === 0 ? 'placed by their own time' : placedByArrival === messages ? 'placed by arrival' : `${count(placedByArrival)} placed by arrival`}`,
    ),
  ),
})

const stepRow = ({ at, byMs, evidence }) => ({
  atMs: Date.parse(at),
  node: h(
    'tr',
    {},
    h('td', { class: 'nowrap', title: exactTime(at) }, time(at)),
    h('td', { class: 'nowrap' }, byMs > 0 ? 'set forward' : 'set back'),
    h('td', { class: 'soft', title: evidenceText(evidence) }, `by ${signedLength(Math.abs(byMs)).slice(1)}`),
  ),
})
