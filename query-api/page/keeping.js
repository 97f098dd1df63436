/** How long what is kept, for whom, and what it costs. */
import { get } from './api.js'
import { h, replace } from './dom.js'
import { ageOf, bytes, count, exactTime, time } from './format.js'

export const keepingView = ({ root }) => {
  const words = h('section', { class: 'panel', 'aria-label': 'Summary' })
  const groups = h('div', { class: 'stack' })
  let limit = 100
  root.append(
    h(
      'div',
      { class: 'title' },
      h('h1', {}, 'Keeping'),
      h('span', { class: 'soft' }, 'how long what is kept, for whom, and what it costs'),
    ),
    h('div', { class: 'stack' }, words, groups),
  )
  const refresh = async () => {
    const answer = await get('keeping', { limit })
    replace(words, statement(answer), tablesPanel(answer))
    replace(
      groups,
      answer.items.map((group) => groupPanel(group)),
      answer.nextCursor === null
        ? undefined
        : h(
            'button',
            {
              type: 'button',
              onclick: () => {
                limit = 1000
                void refresh()
              },
            },
            'Show more',
          ),
    )
  }
  return { refresh }
}

const days = (kept) => (kept === null ? 'for ever' : `${count(kept)} days`)
const bytesOrUnknown = (value) => (value === null ? '' : bytes(value))

const statement = ({ tables, rules, countedAt, lastRunAt, lastRun }) => {
  const held = lastRun.filter(({ outcome }) => outcome === 'held')
  const removed = lastRun.filter(({ outcome }) => outcome === 'removed')
  const sum = (of, rows) => rows.reduce((total, row) => total + of(row), 0)
  return h(
    'div',
    { class: 'statement' },
    h(
      'p',
      {},
      `${bytes(sum((table) => table.bytes, tables))} on disk. `,
      rules.rules.length === 0
        ? 'There are no rules for classes, models or customers: the default holds for all.'
        : `${count(rules.rules.length)} ${rules.rules.length === 1 ? 'rule' : 'rules'} by class, model or customer; the first that fits decides.`,
    ),
    held.map(({ table, keptDays, dueRows, ofRows }) =>
      h(
        'p',
        { class: 'notice error', role: 'alert' },
        `${table}, kept ${days(keptDays)}: ${count(dueRows)} of ${count(ofRows)} rows would go at once and are held. Is the rule right? npm run keeping tells more, with --apply they go.`,
      ),
    ),
    h(
      'p',
      { class: 'soft' },
      lastRunAt === null
        ? 'The rules have not been applied yet; the first run comes some minutes after the start. '
        : `Last applied ${time(lastRunAt)}: ${removed.length === 0 ? 'nothing was due' : removed.map(({ table, dueRows }) => `${count(dueRows)} rows of ${table}`).join(', ')}. `,
      h('span', { title: exactTime(countedAt) }, `Counted ${ageOf(countedAt)} ago.`),
    ),
  )
}

const head = (labels) =>
  h(
    'thead',
    {},
    h(
      'tr',
      {},
      labels.map((label, index) => h('th', { scope: 'col', class: index === 0 ? '' : 'number' }, label)),
    ),
  )
const number = (text, title) => h('td', { class: 'number', title }, text)

const tablesPanel = ({ tables, rules }) =>
  h(
    'details',
    { 'data-key': 'tables' },
    h('summary', {}, 'Tables and the default'),
    h(
      'div',
      { class: 'scroll' },
      h(
        'table',
        {},
        head(['Table', 'Longest', 'Rows', 'Bytes a row', 'On disk']),
        h(
          'tbody',
          {},
          tables.map((table) =>
            h(
              'tr',
              {},
              h('td', { class: 'nowrap' }, table.table),
              number(days(table.longestDays)),
              number(count(table.rows)),
              number(table.bytesPerRow === null ? '' : table.bytesPerRow.toFixed(1)),
              number(bytes(table.bytes)),
            ),
          ),
        ),
      ),
    ),
    h(
      'div',
      { class: 'foot' },
      `Default: ${Object.entries(rules.default)
        .map(([group, kept]) => `${group} ${days(kept)}`)
        .join(', ')}.`,
    ),
  )

const nameOf = ({ class: kind, product, model, customer }) =>
  [kind === '' ? undefined : kind, model === '' ? undefined : `${product}/${model}`, customer === '' ? undefined : customer]
    .filter(Boolean)
    .join(' · ') || 'no class, model or customer'

const groupPanel = (group) => {
  const key = JSON.stringify([group.class, group.product, group.model, group.customer])
  return h(
    'section',
    { class: 'panel', 'aria-label': nameOf(group) },
    h(
      'div',
      { class: 'group-head' },
      h('h2', {}, nameOf(group)),
      h('b', {}, bytes(group.bytesNow)),
      h('span', { class: 'soft' }, `${count(group.subjects)} ${group.subjects === 1 ? 'subject' : 'subjects'}`),
      h('span', { class: 'soft' }, `${bytes(group.bytesPerDay)} a day`),
      h('span', { class: 'soft' }, group.bytesWhenFull === null ? 'some of it for ever' : `${bytes(group.bytesWhenFull)} when full`),
      group.rowsDue > 0 ? h('span', { class: 'tag' }, `${count(group.rowsDue)} rows due`) : undefined,
    ),
    h(
      'details',
      { 'data-key': key },
      h('summary', {}, 'By table'),
      h(
        'div',
        { class: 'scroll' },
        h(
          'table',
          {},
          head(['Table', 'Kept', 'Rows', 'Rows a day', 'Bytes a row', 'Now', 'When full', 'Oldest', 'Due']),
          h(
            'tbody',
            {},
            group.tables.map((table) =>
              h(
                'tr',
                {},
                h('td', { class: 'nowrap' }, table.table),
                number(days(table.keptDays), table.rule === null ? 'the default' : `rule ${table.rule} of the file`),
                number(count(table.rows)),
                number(count(table.rowsPerDay)),
                number(table.bytesPerRow === null ? '' : table.bytesPerRow.toFixed(1)),
                number(bytesOrUnknown(table.bytesNow)),
                number(table.keptDays === null ? `+ ${bytesOrUnknown(table.bytesPerDay)} a day` : bytesOrUnknown(table.bytesWhenFull)),
                number(time(table.oldest), exactTime(table.oldest)),
                number(table.rowsDue === 0 ? '' : count(table.rowsDue)),
              ),
            ),
          ),
        ),
      ),
    ),
  )
}
