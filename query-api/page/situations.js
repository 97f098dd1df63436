/** Faults that many devices share, above the list of alarms: what, why, how many, since when; their members are a click away. */
import { h, replace } from './dom.js'
import { age, count, time } from './format.js'

export const situationsPanel = () => {
  const body = h('tbody', {})
  const root = h(
    'section',
    { class: 'panel', 'aria-label': 'Situations', hidden: true },
    h(
      'table',
      { class: 'alarms' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Situation', 'Why', 'Devices', 'Since'].map((label) => h('th', { scope: 'col' }, label)),
        ),
      ),
      body,
    ),
  )
  const draw = (items) => {
    root.hidden = items.length === 0
    replace(body, items.map(situationRow))
  }
  return { root, draw }
}

const situationRow = ({ id, group, reason, cause, members, root }) =>
  h(
    'tr',
    {},
    h(
      'td',
      {},
      h('a', { href: `#/alarm/${encodeURIComponent(root.id)}` }, root.title ?? root.type),
      h('div', { class: 'soft' }, group.replace('group/', '').replace('/', ' ')),
    ),
    h('td', {}, reason, cause === null ? undefined : h('div', { class: 'soft' }, `cause: ${cause}`)),
    h('td', {}, h('a', { href: `#/alarms?situation=${encodeURIComponent(id)}` }, `${count(members.active)} of ${count(members.total)}`)),
    h('td', { title: time(root.raisedAt) }, age((Date.now() - Date.parse(root.raisedAt)) / 1000)),
  )
