/** The alarms of the fleet: what stands, how bad, since when, why; counts in the head are filters. One action is a click away. */
import { ask, asked, askedHash, filterParams, isNarrowed, sortParams, takeAsked } from './alarm-filters.js'
import { alarmRow } from './alarm-row.js'
import { failure, get, post } from './api.js'
import { h, replace } from './dom.js'
import { count, currentZone, zoneShort } from './format.js'
import { asKnownAt, knownAtBanner, knownAtButton, knownAtOf } from './known-at.js'
import { situationsPanel } from './situations.js'

const severityNames = ['critical', 'major', 'minor', 'warning', 'indeterminate']

/** `params` of the address narrow it: `#/alarms?site=harbour`. */
export const alarmsView = ({ root, params, noteComplete }) => {
  const knownAt = knownAtOf(params)
  takeAsked(params)
  const fixed = Object.fromEntries(['device', 'site', 'situation'].flatMap((name) => (params.has(name) ? [[name, params.get(name)]] : [])))
  /** Of the fleet: what a situation explains is folded into it. */
  const isWhole = !('situation' in fixed) && !('device' in fixed)
  const counts = h('div', { class: 'counts', role: 'group', 'aria-label': 'Filter by severity' })
  const tools = h('div', { class: 'tools log-tools' })
  const body = h('tbody', {})
  const foot = h('div', { class: 'foot' })
  const said = h('span', { class: 'soft', role: 'status' })
  const situations = situationsPanel({ done: () => refresh(), say: (text) => (said.textContent = text), knownAt })
  /** Without a new view: what is under the keyboard stays there. */
  const tellAddress = () =>
    history.replaceState(null, '', `${location.pathname}${askedHash({ ...fixed, ...(knownAt === undefined ? {} : { knownAt }) })}`)
  const set = (changes) => {
    ask(changes)
    said.textContent = ''
    tellAddress()
    void refresh()
  }
  const select = (name, label, options) =>
    h(
      'select',
      { 'aria-label': label, 'data-key': `by-${name}`, onchange: ({ target }) => set({ [name]: target.value }) },
      options.map(([value, text]) => h('option', { value, selected: asked[name] === value }, text)),
    )
  root.append(
    ...[knownAtBanner(knownAt)].filter(Boolean),
    h(
      'div',
      { class: 'title' },
      h('h1', {}, 'Alarms'),
      h(
        'span',
        { class: 'soft' },
        Object.entries(fixed)
          .map(([name, value]) => (name === 'situation' ? 'of one situation' : `${name} ${value}`))
          .join(', ') || 'of the fleet',
      ),
      Object.keys(fixed).length === 0 ? undefined : h('a', { href: asKnownAt('#/alarms', knownAt) }, 'all alarms'),
      h('a', { href: '#/maintenance' }, 'Maintenance'),
      knownAtButton(knownAt),
    ),
    counts,
    situations.root,
    h(
      'section',
      { class: 'panel', 'aria-label': 'Alarms' },
      tools,
      h(
        'table',
        { class: 'alarms' },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ['Severity', 'Alarm', 'Device or group', 'Since', ''].map((label) => h('th', { scope: 'col' }, label)),
          ),
        ),
        body,
      ),
      foot,
    ),
  )

  const filter = () => {
    const { symptoms, ...rest } = filterParams()
    return { ...rest, symptoms: isWhole ? symptoms : '', ...fixed }
  }
  const all = (action, verb) =>
    h(
      'button',
      {
        type: 'button',
        'data-key': `all-${action}`,
        onclick: async () => {
          const query = new URLSearchParams(Object.entries(filter()).filter(([, value]) => value !== ''))
          try {
            const { ids } = await post(`alarms/actions/${action}?${query}&dryRun=true`, {})
            if (ids.length === 0 || !window.confirm(`${verb} ${count(ids.length)} alarms?`)) return
            const done = await post(`alarms/actions/${action}?${query}`, {})
            said.textContent = `${count(done.appended)} given to the recorder.`
          } catch (error) {
            said.textContent = failure(error)
          }
          await refresh()
        },
      },
      `${verb} all of these`,
    )

  const drawTools = (open) =>
    replace(
      tools,
      select('state', 'State', [
        ['active', 'standing now'],
        ['cleared', 'cleared'],
        ['all', 'all, with retracted'],
      ]),
      select('operator', 'Acknowledged', [
        ['', 'acknowledged or not'],
        ['none', 'not acknowledged'],
        ['ack', 'acknowledged'],
        ['closed', 'closed'],
      ]),
      select('class', 'Class of device', [
        ['', 'every class'],
        ['critical', 'critical devices'],
        ['business', 'business devices'],
        ['home', 'home devices'],
      ]),
      select('quiet', 'What keeps it quiet', [
        ['', 'quiet or not'],
        ['loud', 'not shelved, not held'],
        ['shelved', 'shelved'],
        ['suppressed', 'held down'],
        ['maintenance', 'in maintenance'],
      ]),
      select('sort', 'Order', [
        ['severity', 'worst first'],
        ['newest', 'newest first'],
        ['oldest', 'oldest first'],
      ]),
      isWhole
        ? select('symptoms', 'Alarms that a situation explains', [
            ['false', 'without members of situations'],
            ['', 'with members of situations'],
          ])
        : undefined,
      asked.type === ''
        ? undefined
        : h('button', { type: 'button', 'data-key': 'no-type', onclick: () => set({ type: '' }) }, `only ${asked.type} ×`),
      h('span', { class: 'spring' }),
      said,
      open === 0 || knownAt !== undefined ? undefined : all('acknowledge', 'Acknowledge'),
    )

  const countButton = (name, value, number, what) =>
    h(
      'button',
      {
        type: 'button',
        'data-key': `count-${name}`,
        'aria-pressed': String(asked[name] === value),
        onclick: () => set({ [name]: asked[name] === value ? '' : value }),
      },
      h('b', {}, count(number)),
      h('span', { class: 'what' }, what),
    )

  const drawCounts = ({ active, unacknowledged, shelved }) =>
    replace(
      counts,
      severityNames.map((name) =>
        h(
          'button',
          {
            type: 'button',
            'data-key': `severity-${name}`,
            'aria-pressed': String(asked.severity === name),
            onclick: () => set({ severity: asked.severity === name ? '' : name }),
          },
          h('b', {}, count(active[name])),
          h('span', { class: 'what' }, h('span', { class: `severity-dot ${active[name] === 0 ? 'none' : name}` }), name),
        ),
      ),
      countButton('operator', 'none', unacknowledged.total, 'not acknowledged'),
      countButton('quiet', 'shelved', shelved, 'shelved'),
    )

  /** Of the fleet those that stand, of one situation itself. */
  const shownSituations = async () => {
    if ('situation' in fixed)
      return [await get(`situations/${encodeURIComponent(fixed.situation)}`, { knownAt, limit: 1, tz: currentZone() })]
    return Object.keys(fixed).length === 0 ? (await get('situations', { knownAt, limit: 50, tz: currentZone() })).items : []
  }

  const refresh = async () => {
    const { severity: _severity, operator: _operator, shelved: _shelved, ...counted } = filter()
    const [list, numbers, shared] = await Promise.all([
      get('alarms', { ...filter(), ...sortParams(), knownAt, limit: asked.limit, tz: currentZone() }),
      get('alarms/counts', { ...counted, state: 'active', knownAt }),
      shownSituations(),
    ])
    situations.draw(shared)
    noteComplete(list.completeThrough)
    drawCounts(numbers)
    drawTools(list.items.filter(({ active, operator }) => active && operator.state === 'none').length)
    replace(
      body,
      list.items.map((alarm) =>
        alarmRow(alarm, { only: (type) => set({ type }), done: refresh, say: (text) => (said.textContent = text), knownAt }),
      ),
    )
    replace(
      foot,
      list.items.length === 0
        ? emptyText()
        : `${count(list.items.length)}${list.nextCursor === null ? '' : ' of more'} ${list.items.length === 1 ? 'alarm' : 'alarms'}`,
      h('span', {}, `times in ${zoneShort()}`),
      list.nextCursor === null || asked.limit >= 1000
        ? undefined
        : h('button', { type: 'button', onclick: () => set({ limit: Math.min(1000, asked.limit + 300) }) }, 'Show more'),
    )
  }
  tellAddress()
  return { refresh }
}

const emptyText = () => {
  if (isNarrowed()) return 'No alarm fits.'
  return asked.state === 'active' ? 'Nothing is wrong that a rule would see.' : 'None.'
}
