/** The state at a moment as panels: radio, measurements by family, facts. Each value with its unit and its age. */
import { h } from './dom.js'
import { age, bitsPerSecond, decibel, exactTime, quantity } from './format.js'

/** A value older than this is marked: the reader must not take it for now. */
const oldSeconds = 900

const families = [
  ['system.cpu', 'Processor'],
  ['system.memory', 'Memory'],
  ['system.paging', 'Memory'],
  ['hw.temperature', 'Temperature'],
  ['system.filesystem', 'Filesystems'],
  ['network.probe', 'Probes'],
  ['cellular', 'Radio readings'],
  ['network', 'Network'],
  ['hw.network', 'Network'],
  ['environment', 'Environment'],
]

export const familyOf = (metric) => families.find(([prefix]) => metric.startsWith(prefix))?.[1] ?? 'Other'

/** The last part of a metric's name that tells it from its family. */
export const shortName = (metric) => metric.replace(/^(system|network|hw|environment|cellular)\./, '')
export const attributesText = (attributes) => Object.values(attributes).join(' ')

/** `why(parameters)` makes the button that explains a value. */
export const measurementsPanel = (state, why) => {
  const rows = [...state.measurements].sort((a, b) => familyIndex(a.metric) - familyIndex(b.metric) || compare(a.metric, b.metric))
  const body = []
  let family
  for (const row of rows) {
    const next = familyOf(row.metric)
    if (next !== family) body.push(section(next))
    family = next
    body.push(measurementRow(row, why))
  }
  if (state.counters.length > 0) body.push(section('Rates, from counters'), ...state.counters.map((row) => counterRow(row, why)))
  return h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Measurements', h('small', {}, `${state.measurements.length + state.counters.length} series, value and age`)),
    body.length === 0
      ? h('p', { class: 'empty' }, 'Nothing was measured up to then.')
      : h('div', { class: 'scroll' }, h('table', { class: 'state' }, h('tbody', {}, body))),
  )
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0)
const familyIndex = (metric) => {
  const family = familyOf(metric)
  const index = families.findIndex(([, name]) => name === family)
  return index === -1 ? families.length : index
}
const section = (name) => h('tr', { class: 'section' }, h('th', { colSpan: 3, scope: 'rowgroup' }, name))

const ageCell = ({ ageSeconds, observedAt }) =>
  h('td', { class: ageSeconds > oldSeconds ? 'age old' : 'age', title: exactTime(observedAt) }, age(ageSeconds))

const whyOf = ({ metric, attributes }, why) =>
  why({ title: `${shortName(metric)} ${attributesText(attributes)}`.trim(), metric, attributes: JSON.stringify(attributes) })

const nameCell = ({ metric, attributes }, why) =>
  h(
    'th',
    { scope: 'row', title: `${metric} ${JSON.stringify(attributes)}` },
    shortName(metric),
    ' ',
    h('span', { class: 'attributes' }, attributesText(attributes)),
    whyOf({ metric, attributes }, why),
  )

const measurementRow = (row, why) =>
  h(
    'tr',
    {},
    nameCell(row, why),
    row.quality === 'ok' ? h('td', { class: 'value' }, quantity(row.value, row.unit, row.metric)) : noReading(row),
    ageCell(row),
  )

/** A reading that the device says it does not have is not its last value; that one stands beside, with its own age. */
const noReading = ({ quality, lastKnown, unit, metric }) =>
  h(
    'td',
    { class: 'value' },
    h('span', { class: 'warn' }, quality === 'missing' ? 'no reading' : 'out of range'),
    lastKnown === null
      ? undefined
      : h(
          'span',
          { class: 'soft', title: exactTime(lastKnown.observedAt) },
          ` was ${quantity(lastKnown.value, unit, metric)}, ${age(lastKnown.ageSeconds)} ago`,
        ),
  )

const counterRow = (row, why) => {
  const rate = row.ratePerSecond
  const text = rate === null ? '—' : row.unit === 'By' ? bitsPerSecond(rate) : `${quantity(rate, null)} /s`
  return h(
    'tr',
    {},
    nameCell(row, why),
    h(
      'td',
      { class: 'value', title: `counter at ${row.value}` },
      text,
      row.flag === 'ok' ? undefined : h('span', { class: 'tag' }, row.flag),
    ),
    ageCell(row),
  )
}

export const factsPanel = (state, why) =>
  h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Facts', h('small', {}, 'as last told')),
    state.facts.length === 0
      ? h('p', { class: 'empty' }, 'None told.')
      : h(
          'table',
          { class: 'state facts' },
          h(
            'tbody',
            {},
            state.facts.map((fact) =>
              h(
                'tr',
                {},
                h('th', { scope: 'row' }, fact.name, why({ title: fact.name, of: 'fact', fact: fact.name })),
                h(
                  'td',
                  {},
                  fact.value ?? h('span', { class: 'soft' }, 'none'),
                  fact.masked ? h('span', { class: 'tag' }, 'masked') : undefined,
                ),
                h('td', { class: 'age', title: exactTime(fact.observedAt) }, age(fact.ageSeconds)),
              ),
            ),
          ),
        ),
  )

/** 3GPP leaves the judging to operators; these limits are the usual ones of LTE planning. */
const judged = (value, good, poor) => (value === null ? '' : value >= good ? 'good' : value >= poor ? 'fair' : 'poor')
const tone = { good: 'ok', fair: 'warn', poor: 'bad', '': 'soft' }

export const radioPanel = ({ radio }, why) => {
  if (radio === null) return undefined
  const level = (label, value, unit, good, poor) => {
    const word = judged(value, good, poor)
    return h(
      'div',
      {},
      h('span', { class: 'what' }, label),
      h('b', {}, decibel(value, unit)),
      h('span', { class: `what ${tone[word]}` }, word === '' ? 'no reading' : word),
    )
  }
  const pair = (label, value) =>
    value === null || value === undefined ? undefined : h('div', {}, h('dt', {}, label), h('dd', {}, String(value)))
  const { cell } = radio
  return h(
    'section',
    { class: 'panel' },
    h(
      'h2',
      {},
      h(
        'span',
        {},
        `Radio${radio.mode === null && radio.rat === null ? '' : `, ${radio.mode ?? radio.rat}`}`,
        why({ title: 'radio', of: 'radio' }),
      ),
      h(
        'small',
        { class: radio.ageSeconds > oldSeconds ? 'warn' : '', title: exactTime(radio.observedAt) },
        `${age(radio.ageSeconds)} old`,
      ),
    ),
    h(
      'div',
      { class: 'signal' },
      level('RSRP', radio.rsrpDbm, 'dBm', -95, -110),
      level('RSRQ', radio.rsrqDb, 'dB', -11, -16),
      level('SINR', radio.sinrDb, 'dB', 13, 0),
    ),
    h(
      'dl',
      { class: 'pairs' },
      pair('Cell', cell === null ? null : cell.name === null ? cell.id : `${cell.name} (${cell.id})`),
      pair('eNB', cell?.enbId),
      pair('Band', radio.band),
      pair('PCI', radio.pci),
      pair('EARFCN', radio.earfcn),
      pair('TAC', radio.tac),
      pair('Network', radio.plmn),
      pair('RSSI', radio.rssiDbm === null ? null : decibel(radio.rssiDbm, 'dBm')),
      pair('CQI', radio.cqi),
    ),
    radio.carriers.length === 0 ? undefined : carriers(radio.carriers),
  )
}

const carriers = (rows) =>
  h(
    'div',
    { class: 'scroll' },
    h(
      'table',
      { class: 'small-table' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Carrier', 'RAT', 'Band', 'MHz', 'PCI', 'RSRP dBm', 'RSRQ dB', 'SINR dB'].map((label, i) =>
            h('th', { scope: 'col', class: i > 2 ? 'number' : '' }, label),
          ),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row) =>
          h(
            'tr',
            {},
            h('td', {}, row.role ?? '', row.active === false ? h('span', { class: 'tag' }, 'inactive') : undefined),
            h('td', {}, row.rat ?? ''),
            h('td', {}, row.band ?? ''),
            [row.bandwidthMhz, row.pci].map((value) => h('td', { class: 'number' }, value ?? '—')),
            [row.rsrpDbm, row.rsrqDb, row.sinrDb].map((value) =>
              h('td', { class: 'number' }, value === null ? '—' : value.toFixed(1).replace('-', '−')),
            ),
          ),
        ),
      ),
    ),
  )
