/** The fleet's wrong clocks: what is wrong with each, the largest skew first. */
import { get } from './api.js'
import { driftText, signedLength, verdictWords } from './device-clock.js'
import { h, replace } from './dom.js'
import { ageOf, count, exactTime } from './format.js'

const pageSize = 100
const spans = [
  [24, 'last 24 h'],
  [168, 'last 7 days'],
]
const skews = [
  [1_000, '1 s'],
  [10_000, '10 s'],
  [60_000, '1 min'],
  [3_600_000, '1 h'],
]
const drifts = [
  [50, '50 ppm'],
  [200, '200 ppm'],
  [1_000, '1,000 ppm'],
]
const problemWords = { verdict: 'not believed', skew: 'off', drift: 'drifts', step: 'was set' }

/** What was asked for is kept while one looks at a device and comes back. */
const asked = { problem: 'any', hours: 24, minSkewMs: 60_000, minDriftPpm: 200, limit: pageSize }

export const clocksView = ({ root, noteComplete }) => {
  const counts = h('div', { class: 'counts', role: 'group', 'aria-label': 'Filter by problem' })
  const body = h('tbody', {})
  const foot = h('div', { class: 'foot' })
  const set = (changes) => {
    Object.assign(asked, { limit: pageSize }, changes)
    void refresh()
  }
  const choice = (name, label, options) =>
    h(
      'label',
      { class: 'check' },
      `${label} `,
      h(
        'select',
        { onchange: (event) => set({ [name]: Number(event.target.value) }) },
        options.map(([value, text]) => h('option', { value: String(value), selected: value === asked[name] }, text)),
      ),
    )
  const columns = ['Device', 'Problem', 'Skew', 'Drift', 'Set', 'Boots', 'Heard']
  root.append(
    h('div', { class: 'title' }, h('h1', {}, 'Clocks'), h('span', { class: 'soft' }, 'devices whose clock is wrong; ahead is positive')),
    counts,
    h(
      'section',
      { class: 'panel', 'aria-label': 'Devices' },
      h(
        'div',
        { class: 'tools log-tools' },
        choice('hours', 'heard in the', spans),
        choice('minSkewMs', 'off by', skews),
        choice('minDriftPpm', 'drift of', drifts),
      ),
      h(
        'div',
        { class: 'scroll' },
        h(
          'table',
          { class: 'clocks' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              columns.map((label, i) => h('th', { scope: 'col', class: i >= 2 && i <= 5 ? 'number' : '' }, label)),
            ),
          ),
          body,
        ),
      ),
      foot,
    ),
  )

  const refresh = async () => {
    const { hours, limit, ...filter } = asked
    const answer = await get('clocks', {
      ...filter,
      limit: Math.min(limit, 1000),
      from: new Date(Date.now() - hours * 3_600_000).toISOString(),
    })
    noteComplete(answer.completeThrough)
    const button = (problem, label, value) =>
      h(
        'button',
        {
          type: 'button',
          'aria-pressed': String(asked.problem === problem),
          'data-key': `problem-${problem}`,
          onclick: () => set({ problem }),
        },
        h('b', {}, count(value)),
        h('span', { class: 'what' }, label),
      )
    const { total } = answer
    replace(
      counts,
      button('any', 'wrong clocks', total.wrong),
      button('verdict', 'not believed', total.verdict),
      button('skew', 'off', total.skew),
      button('drift', 'drift', total.drift),
      button('step', 'were set', total.step),
      button('none', 'all known', total.devices),
    )
    replace(body, answer.items.map(row))
    replace(
      foot,
      answer.items.length === 0 ? 'No such clock among the devices heard in this time.' : `${count(answer.items.length)} devices`,
      answer.nextCursor === null
        ? undefined
        : limit >= 1000
          ? 'The first 1,000 are shown; the API lists all.'
          : h('button', { type: 'button', 'data-key': 'more', onclick: () => set({ limit: 1000 }) }, 'Show more'),
    )
  }
  return { refresh }
}

const row = (item) =>
  h(
    'tr',
    {},
    h(
      'td',
      { class: 'nowrap' },
      h('a', { href: `#/device/${item.deviceId}?hours=24`, 'data-key': item.deviceId }, item.name ?? item.deviceId),
      item.name === null ? undefined : h('div', { class: 'mac mono' }, item.deviceId),
    ),
    h(
      'td',
      { title: item.text },
      item.problems.map((problem) => [
        h(
          'span',
          { class: problem === 'step' ? 'tag' : 'tag warn' },
          problem === 'verdict' && item.verdict !== 'trusted' ? verdictWords[item.verdict] : problemWords[problem],
        ),
        ' ',
      ]),
    ),
    h(
      'td',
      { class: 'number', title: item.confidence === null ? undefined : `confidence ${item.confidence}, ${count(item.samples)} samples` },
      item.verdict === 'before-2010' ? '—' : signedLength(item.skewMs),
    ),
    h('td', { class: 'number' }, driftText(item.driftPpm)),
    h('td', { class: 'number' }, item.steps === 0 ? '' : count(item.steps)),
    h('td', { class: 'number' }, item.boots === 0 ? '' : count(item.boots)),
    h('td', { class: 'nowrap', title: exactTime(item.lastHeardAt) }, `${ageOf(item.lastHeardAt)} ago`),
  )
