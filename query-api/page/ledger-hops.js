/** The hops of a message as a table: what each counted, and what the next did not. */
import { h } from './dom.js'
import { count } from './format.js'

const names = {
  device: ['Device', 'by its own numbers'],
  front_door: ['Front door', 'dead letters'],
  log: ['Log', 'records'],
  stage: ['Stage', 'the account'],
  warehouse: ['Warehouse', 'rows'],
}
const labels = {
  withoutNumber: 'without a number',
  refusedWithoutSubject: 'refused, of no subject',
  redriven: 're-driven',
  duplicate: 'repeats',
  quarantined: 'refused',
  unreadable: 'unreadable',
}

/** `hops` of `/ledger/hops` or `/devices/{mac}/ledger`. */
export const hopsTable = (hops) =>
  h(
    'table',
    { class: 'hops' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', { scope: 'col' }, 'Hop'),
        h('th', { scope: 'col' }, 'Counted'),
        h('th', { scope: 'col', class: 'number' }, 'Difference'),
      ),
    ),
    h('tbody', {}, hops.map(hopRow)),
  )

const hopRow = ({ hop, counted, difference, note }) =>
  h(
    'tr',
    {},
    h('td', {}, names[hop][0], h('div', { class: 'soft small' }, names[hop][1])),
    h(
      'td',
      { title: note ?? undefined },
      Object.entries(counted)
        .filter(([name, value], index) => index === 0 || value > 0 || name === 'received')
        .map(([name, value], index) => [index === 0 ? '' : ', ', `${count(value)} `, h('span', { class: 'soft' }, labels[name] ?? name)]),
    ),
    h(
      'td',
      { class: `number ${typeof difference !== 'number' ? 'soft' : difference === 0 ? 'ok' : 'bad'}`, title: note ?? undefined },
      difference === null ? '—' : difference === 'unknown' ? 'unknown' : count(difference),
    ),
  )
