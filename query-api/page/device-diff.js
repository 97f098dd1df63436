/** What changed between the moment looked at and some time before it. */
import { get } from './api.js'
import { attributesText, shortName } from './device-state.js'
import { h, replace } from './dom.js'
import { age, dateTime, decibel, exactTime, quantity } from './format.js'

const spans = [
  [10, '10 min'],
  [60, '1 h'],
  [1440, '1 d'],
]
/** The rest is behind a fold: a load that wavers is no news. */
const measurementsShown = 8

export const diffPart = (id) => {
  let minutes = 10
  let range
  const choices = h('div', { class: 'tools log-tools', role: 'group', 'aria-label': 'Compared with the time before' })
  const title = h('small', {})
  const body = h('div', {})
  const root = h('section', { class: 'panel' }, h('h2', {}, 'What changed', title), choices, body)

  const drawChoices = () =>
    replace(
      choices,
      h('span', { class: 'soft' }, 'against'),
      spans.map(([value, label]) =>
        h(
          'button',
          {
            type: 'button',
            'data-key': `span-${value}`,
            'aria-pressed': String(value === minutes),
            onclick: () => {
              minutes = value
              drawChoices()
              if (range !== undefined) void refresh(range)
            },
          },
          `${label} before`,
        ),
      ),
    )

  const refresh = async (next) => {
    range = next
    const fromMs = range.toMs - minutes * 60_000
    const diff = await get(`devices/${id}/diff`, {
      from: new Date(fromMs).toISOString(),
      to: range.live ? undefined : new Date(range.toMs).toISOString(),
      knownAt: range.knownAt,
    })
    replace(title, `${dateTime(diff.from)} to ${dateTime(diff.to)}${diff.knownAt === null ? '' : ', as known then'}`)
    replace(body, rowsOf(diff))
  }
  drawChoices()
  return { root, refresh }
}

const rowsOf = (diff) => {
  const first = [
    ...diff.alarms.map(({ from, to }) => row(`Alarm ${(to ?? from).title ?? (to ?? from).type}`, alarmText(from), alarmText(to))),
    diff.boot === null ? undefined : row('Boot', bootText(diff.boot.from), bootText(diff.boot.to), diff.boot.to),
    diff.presence === null ? undefined : row('Presence', presenceText(diff.presence.from), presenceText(diff.presence.to)),
    diff.firmware === null ? undefined : row('Firmware', diff.firmware.from ?? '—', diff.firmware.to ?? '—'),
    ...diff.facts
      .filter(({ name }) => name !== 'firmware.version')
      .map((fact) => row(breakable(fact.name), told(fact.from), told(fact.to), fact.to)),
    ...radioRows(diff.radio, false),
  ].filter((entry) => entry !== undefined)
  const measured = [...diff.measurements].sort((a, b) => weight(b) - weight(a)).map(measurementRow)
  const counted = diff.counters.filter(({ increase, flags }) => increase !== 0 || flags.length > 0).map(counterRow)
  const rows = [...first, ...measured.slice(0, measurementsShown)]
  const rest = [...radioRows(diff.radio, true), ...measured.slice(measurementsShown), ...counted]
  if (rows.length + rest.length === 0) return h('p', { class: 'empty' }, 'Nothing: the two states say the same.')
  return [
    rows.length === 0 ? undefined : table(rows),
    rest.length === 0
      ? undefined
      : h('details', { 'data-key': 'diff-rest' }, h('summary', {}, `${rest.length} more: smaller changes and counters`), table(rest)),
  ]
}

const table = (rows) =>
  h(
    'div',
    { class: 'scroll' },
    h(
      'table',
      { class: 'small-table diff' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['', 'before', 'then'].map((label) => h('th', { scope: 'col' }, label)),
        ),
      ),
      h('tbody', {}, rows),
    ),
  )

const row = (name, from, to, told, title) =>
  h(
    'tr',
    {},
    h('th', { scope: 'row', title }, name),
    h('td', { class: 'soft' }, from),
    h('td', { title: told?.observedAt === undefined ? undefined : exactTime(told.observedAt) }, h('b', {}, to)),
  )

const alarmText = (alarm) =>
  alarm === null
    ? 'does not stand'
    : `${alarm.severity}${alarm.unknown ? ', unknown' : ''}${alarm.operator === 'none' ? '' : `, ${alarm.operator}`}`
const told = (fact) => (fact === null ? 'not told yet' : (fact.value ?? 'none'))
const bootText = (boot) => (boot === null ? 'none told' : `${dateTime(boot.observedAt)}, ${boot.reason ?? 'reason not told'}`)
const presenceText = ({ state, since }) => (since === null ? state : `${state} since ${dateTime(since)}`)

const radioNames = {
  rsrpDbm: 'RSRP',
  rsrqDb: 'RSRQ',
  sinrDb: 'SINR',
  rssiDbm: 'RSSI',
  cqi: 'CQI',
  plmn: 'network',
  tac: 'TAC',
  pci: 'PCI',
  earfcn: 'EARFCN',
}
const radioUnits = { rsrpDbm: 'dBm', rssiDbm: 'dBm', rsrqDb: 'dB', sinrDb: 'dB' }
const radioText = (radio, field) => {
  const value = radio?.[field]
  if (value === null || value === undefined) return '—'
  if (field === 'cell') return value.name === null ? String(value.id) : `${value.name} (${value.id})`
  if (field === 'carriers')
    return value.length === 0
      ? 'none'
      : value.map(({ role, band, rsrpDbm }) => `${role ?? ''} ${band ?? ''} ${rsrpDbm ?? ''}`.trim()).join('; ')
  return radioUnits[field] === undefined ? String(value) : decibel(value, radioUnits[field])
}
/** Levels waver by some dB all the time; a carrier that came or went does not. */
const wavers = ({ from, to }, field) => {
  if (from === null || to === null) return false
  if (field === 'cqi') return true
  if (field === 'carriers') return carrierNames(from) === carrierNames(to)
  return radioUnits[field] !== undefined && from[field] !== null && to[field] !== null && Math.abs(to[field] - from[field]) < 6
}
const carrierNames = ({ carriers }) => JSON.stringify(carriers.map(({ role, band, active }) => [role, band, active]))
const radioRows = (radio, wavering) =>
  radio === null
    ? []
    : radio.changed
        .filter((field) => wavers(radio, field) === wavering && radioText(radio.from, field) !== radioText(radio.to, field))
        .map((field) => row(`Radio ${radioNames[field] ?? field}`, radioText(radio.from, field), radioText(radio.to, field), radio.to))

/** By how much of itself it changed; what came, went or lost its reading stands first. */
const weight = ({ from, to, change }) => {
  if (from === null || to === null || from.quality !== to.quality) return 2
  return change === null ? 0 : Math.abs(change) / Math.max(Math.abs(from.value), Math.abs(to.value), 1e-9)
}

/** May break after a dot or an underscore, for narrow screens. */
const breakable = (text) => text.split(/(?<=[._])/).flatMap((part) => [part, h('wbr', {})])
const nameOf = ({ metric, attributes }) => [
  breakable(shortName(metric)),
  ' ',
  h('span', { class: 'attributes' }, attributesText(attributes)),
]
const readingText = (reading, { unit, metric }) =>
  reading === null
    ? 'not told yet'
    : reading.quality === 'ok'
      ? quantity(reading.value, unit, metric)
      : reading.quality === 'missing'
        ? 'no reading'
        : 'out of range'
const measurementRow = (entry) => row(nameOf(entry), readingText(entry.from, entry), readingText(entry.to, entry), entry.to, entry.metric)

const counterRow = (entry) =>
  row(
    nameOf(entry),
    entry.from === null ? 'not told yet' : '',
    [
      entry.increase === null ? 'increase not known' : `+${quantity(entry.increase, entry.unit)} in ${age(entry.seconds)}`,
      entry.flags.map((flag) => h('span', { class: 'tag' }, flag)),
    ],
    entry.to,
  )
