/** The ledger in words and numbers: is the record complete, and where not. */
import { get } from './api.js'
import { h, replace } from './dom.js'
import { count, time, zoneShort } from './format.js'
import { hopsTable } from './ledger-hops.js'

export const ledgerView = ({ root, noteComplete }) => {
  const words = h('section', { class: 'panel', 'aria-label': 'Summary' })
  const hops = h('section', { class: 'panel', 'aria-label': 'By hop' })
  const body = h('tbody', {})
  const foot = h('div', { class: 'foot' })
  let onlyTrouble = false
  let limit = 500
  const trouble = h('input', {
    type: 'checkbox',
    onchange: () => {
      onlyTrouble = trouble.checked
      void refresh()
    },
  })
  const columns = ['Subject', 'Received', 'Stored', 'Repeats', 'Refused', 'Unaccounted', 'Expected by seq', 'Missing']
  root.append(
    h('div', { class: 'title' }, h('h1', {}, 'Ledger'), h('span', { class: 'soft' }, 'what was received, and what became of it')),
    h(
      'div',
      { class: 'stack' },
      words,
      hops,
      h(
        'section',
        { class: 'panel' },
        h(
          'h2',
          {},
          'By subject',
          h('small', {}, h('label', { class: 'check' }, trouble, 'only where something is missing or unaccounted for')),
        ),
        h(
          'div',
          { class: 'scroll' },
          h(
            'table',
            {},
            h(
              'thead',
              {},
              h(
                'tr',
                {},
                columns.map((label, i) => h('th', { scope: 'col', class: i === 0 ? '' : 'number' }, label)),
              ),
            ),
            body,
          ),
        ),
        foot,
      ),
    ),
  )

  let hopsAtMs = 0
  /** Reads the rows of a day: not with each look. */
  const refreshHops = async () => {
    if (Date.now() - hopsAtMs < 60_000) return
    hopsAtMs = Date.now()
    const answer = await get('ledger/hops')
    const share =
      answer.provableShare === null
        ? ''
        : ` Delivery is provable for ${count(answer.devicesProvable)} of ${count(answer.devices)} devices (${Math.floor(answer.provableShare * 1000) / 10} %).`
    replace(
      hops,
      h('h2', {}, 'By hop', h('small', {}, `since ${time(answer.from)} ${zoneShort()}`)),
      h(
        'p',
        { class: 'log-tools' },
        `What each stop counted apart from the others; a difference is a loss or a doubling between it and the next.${share}`,
      ),
      h('div', { class: 'scroll' }, hopsTable(answer.hops)),
    )
  }

  const refresh = async () => {
    await refreshHops()
    const answer = await get('ledger', { limit })
    noteComplete(answer.completeThrough)
    replace(words, statement(answer), sums(answer.total))
    const rows = onlyTrouble
      ? answer.items.filter(({ reconciled, missing }) => !reconciled || (missing !== 'unknown' && missing > 0))
      : answer.items
    replace(body, rows.map(row))
    replace(
      foot,
      `${count(rows.length)} of ${count(answer.total.subjects)} subjects${onlyTrouble && rows.length === 0 ? '; none with trouble among those loaded' : ''}`,
      answer.nextCursor === null || limit >= 1000
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

const statement = ({ total, completeThrough, devicesReported, devicesExpected }) => {
  const provable = total.provableShare === null ? undefined : Math.floor(total.provableShare * 1000) / 10
  const silent = total.subjects - total.subjectsProvable
  return h(
    'div',
    { class: 'statement' },
    h(
      'p',
      {},
      h('b', { class: total.reconciled ? 'ok' : 'bad' }, total.reconciled ? 'The ledger agrees. ' : 'The ledger does not agree. '),
      `${count(total.received)} messages were received; ${count(total.stored)} were stored, ${count(total.duplicate)} were recognised as repeats, ${count(total.quarantined)} were refused as dead letters`,
      total.reconciled
        ? ', and that is all of them.'
        : `; ${count(Math.abs(total.difference))} ${total.difference < 0 ? 'too many' : 'are unaccounted for'}, at ${count(total.subjectsUnreconciled)} subjects.`,
    ),
    h(
      'p',
      {},
      total.missing === 'unknown'
        ? 'No subject counts its messages, so nobody can know whether some were lost on their way here.'
        : total.missing === 0
          ? 'No message is missing from the count of those that number theirs.'
          : [
              h('b', { class: 'bad' }, `${count(total.missing)} messages are missing`),
              ' from the count of those that number theirs: sent, and never received.',
            ],
      provable === undefined || silent === 0
        ? ''
        : ` ${count(silent)} of ${count(total.subjects)} subjects do not number theirs; for them it is unknown.`,
    ),
    h(
      'p',
      { class: 'soft' },
      provable === undefined ? '' : `Delivery is provable for ${provable} % of subjects. `,
      total.ambiguous > 0 ? `${count(total.ambiguous)} stored messages may be repeats, which could not be decided. ` : '',
      total.deadLettersWithoutSubject > 0
        ? `${count(total.deadLettersWithoutSubject)} dead letters name no subject and stand beside these sums. `
        : '',
      completeThrough === null
        ? ''
        : `Complete through ${time(completeThrough)} ${zoneShort()}; ${count(devicesReported)} of ${count(devicesExpected)} devices reported lately.`,
    ),
  )
}

const sums = (total) =>
  h(
    'div',
    { class: 'sum' },
    [
      ['received', count(total.received)],
      ['stored', count(total.stored)],
      ['repeats', count(total.duplicate)],
      ['refused', count(total.quarantined)],
      ['unaccounted for', count(total.difference)],
      ['missing', total.missing === 'unknown' ? 'unknown' : count(total.missing)],
    ].map(([label, value]) => h('div', {}, h('b', {}, value), h('span', { class: 'what' }, label))),
  )

const row = (entry) => {
  const device = /^([0-9a-f]{2}-){5}[0-9a-f]{2}$/.test(entry.subject)
  const numbers = [entry.received, entry.stored, entry.duplicate, entry.quarantined].map((value) =>
    h('td', { class: 'number' }, count(value)),
  )
  return h(
    'tr',
    {},
    h(
      'td',
      { class: 'nowrap' },
      device ? h('a', { href: `#/device/${entry.subject}`, 'data-key': entry.subject }, entry.name ?? entry.subject) : entry.subject,
      entry.name === null ? undefined : h('div', { class: 'mac mono' }, entry.subject),
    ),
    numbers,
    h('td', { class: entry.reconciled ? 'number soft' : 'number bad' }, count(entry.difference)),
    h('td', { class: 'number' }, entry.withSeq > 0 ? count(entry.seqExpected) : ''),
    h(
      'td',
      { class: `number ${entry.missing === 'unknown' ? 'soft' : entry.missing > 0 ? 'bad' : 'ok'}` },
      entry.missing === 'unknown' ? 'unknown' : count(entry.missing),
    ),
  )
}
