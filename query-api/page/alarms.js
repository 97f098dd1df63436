/** The alarms of the fleet: what stands, how bad, since when, why; counts in the head are filters. One action is a click away. */
import { ApiError, get, post } from './api.js'
import { h, replace } from './dom.js'
import { age, count, currentZone, exactTime, time, zoneShort } from './format.js'
import { situationsPanel } from './situations.js'

export const severityNames = ['critical', 'major', 'minor', 'warning', 'indeterminate']
const pageSize = 100
/** What was asked for is kept while one looks at an alarm and comes back. */
const asked = { state: 'active', severity: '', operator: '', class: '', type: '', symptoms: 'false', sort: 'severity', limit: pageSize }

/** `params` of the address narrow it: `#/alarms?site=harbour`. */
export const alarmsView = ({ root, params, noteComplete }) => {
  const fixed = Object.fromEntries(['device', 'site', 'situation'].flatMap((name) => (params.has(name) ? [[name, params.get(name)]] : [])))
  /** Of the fleet: what a situation explains is folded into it. */
  const isWhole = !('situation' in fixed) && !('device' in fixed)
  const counts = h('div', { class: 'counts', role: 'group', 'aria-label': 'Filter by severity' })
  const tools = h('div', { class: 'tools log-tools' })
  const body = h('tbody', {})
  const foot = h('div', { class: 'foot' })
  const said = h('span', { class: 'soft', role: 'status' })
  const situations = situationsPanel({ done: () => refresh(), say: (text) => (said.textContent = text) })
  const set = (changes) => {
    Object.assign(asked, changes, { limit: pageSize })
    said.textContent = ''
    void refresh()
  }
  const select = (name, label, options) =>
    h(
      'select',
      { 'aria-label': label, 'data-key': `by-${name}`, onchange: ({ target }) => set({ [name]: target.value }) },
      options.map(([value, text]) => h('option', { value, selected: asked[name] === value }, text)),
    )
  root.append(
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
      Object.keys(fixed).length === 0 ? undefined : h('a', { href: '#/alarms' }, 'all alarms'),
      h('a', { href: '#/maintenance' }, 'Maintenance'),
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
    const { limit: _limit, sort: _sort, symptoms, ...rest } = asked
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
      select('sort', 'Order', [
        ['severity', 'worst first'],
        ['raisedAt', 'newest first'],
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
      open === 0 ? undefined : all('acknowledge', 'Acknowledge'),
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
      h('div', { class: 'plain' }, h('b', {}, count(unacknowledged.total)), h('span', { class: 'what' }, 'not acknowledged')),
      h('div', { class: 'plain rate' }, h('span', {}, h('b', {}, count(shelved)), h('span', { class: 'what' }, 'shelved'))),
    )

  const refresh = async () => {
    const { severity: _severity, operator: _operator, ...counted } = filter()
    const [list, numbers, shared] = await Promise.all([
      get('alarms', { ...filter(), sort: asked.sort, limit: asked.limit, tz: currentZone() }),
      get('alarms/counts', { ...counted, state: 'active' }),
      Object.keys(fixed).length === 0 ? get('situations', { limit: 50, tz: currentZone() }) : { items: [] },
    ])
    situations.draw(shared.items)
    noteComplete(list.completeThrough)
    drawCounts(numbers)
    drawTools(list.items.filter(({ active, operator }) => active && operator.state === 'none').length)
    replace(
      body,
      list.items.map((alarm) =>
        alarmRow(alarm, { only: (type) => set({ type }), done: refresh, say: (text) => (said.textContent = text) }),
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
  return { refresh }
}

const emptyText = () => {
  const narrowed = asked.severity !== '' || asked.operator !== '' || asked.class !== '' || asked.type !== ''
  if (narrowed) return 'No alarm fits.'
  return asked.state === 'active' ? 'Nothing is wrong that a rule would see.' : 'None.'
}

export const failure = (error) =>
  error instanceof ApiError ? `${error.problem.title}. ${error.message}` : `The recorder did not answer (${error.message}).`

/** The severity as a word with a mark; of one that is over, softer. */
export const severityMark = ({ severity, active }) =>
  h(
    'span',
    { class: `severity ${active ? severity : 'over'}` },
    h('span', { class: `severity-dot ${active ? severity : 'none'}` }),
    severity,
  )

/** Ids of maintenance windows have no colon. */
const isAlarmId = (id) => id.includes(':')

/** What a reader must know beside the severity. */
export const alarmTags = (alarm) => {
  const { operator, shelf, condition, active, flapping, suppressedBy, situation, foundLate, retracted } = alarm
  const tag = (text, title, kind = 'tag') => h('span', { class: kind, title }, text)
  return [
    active ? undefined : retracted ? tag('never was', 'What came late shows that it never was', 'tag warn') : tag('cleared'),
    active && condition === 'unknown' ? tag('unknown', 'Nothing can be told of it now', 'tag warn') : undefined,
    active && condition === 'clearing' ? tag('well again', 'It clears unless it comes back') : undefined,
    operator.state === 'ack' ? tag(`ack ${operator.actor ?? ''}`.trim()) : undefined,
    operator.state === 'closed' ? tag(`closed ${operator.actor ?? ''}`.trim()) : undefined,
    operator.assignee === null ? undefined : tag(`for ${operator.assignee}`),
    operator.ticket === null ? undefined : tag(operator.ticket),
    operator.comments === 0 ? undefined : tag(`${operator.comments} ${operator.comments === 1 ? 'comment' : 'comments'}`),
    shelf.state === 'none' ? undefined : tag('shelved', shelf.until === null ? 'until it clears' : `until ${exactTime(shelf.until)}`),
    flapping ? tag('flaps', 'It notifies nobody until that is over', 'tag warn') : undefined,
    suppressedBy.some(isAlarmId) ? tag('explained by another', suppressedBy.filter(isAlarmId).join(', ')) : undefined,
    suppressedBy
      .filter((id) => !isAlarmId(id))
      .map((id) => h('a', { class: 'tag', title: `Maintenance window ${id}`, href: '#/maintenance' }, 'maintenance')),
    situation === null
      ? undefined
      : h(
          'a',
          { class: 'tag', title: situation.id, href: `#/alarms?situation=${encodeURIComponent(situation.id)}` },
          situation.role === 'root' ? 'root of a situation' : 'part of a situation',
        ),
    alarm.cause === null || alarm.cause === undefined ? undefined : tag(causeWords(alarm.cause), 'Why it is offline'),
    foundLate ? tag('found late', 'Data that came late showed it; nobody was told') : undefined,
  ]
}

const sinceCell = ({ raisedAt, clearedAt, active }) => {
  const seconds = ((active || clearedAt === null ? Date.now() : Date.parse(clearedAt)) - Date.parse(raisedAt)) / 1000
  return h(
    'td',
    { class: 'since', title: `${exactTime(raisedAt)}${clearedAt === null ? '' : ` to ${exactTime(clearedAt)}`}` },
    h('b', {}, age(seconds)),
    h('span', { class: 'soft' }, `${active ? 'since' : 'from'} ${time(raisedAt)}`),
  )
}

const causes = { 'cell-or-sim': 'cell or SIM', 'site-power': 'power of the site', 'usual-night-off': 'usually off at this hour' }
/** Why a device is offline, as a person says it. */
export const causeWords = (cause) => causes[cause] ?? cause

const groupKinds = { enb: 'eNB', tac: 'tracking area', apn: 'APN' }
/** `group/apn/internet` is the APN internet; `platform/ingest` the recorder itself. */
export const subjectWords = (subject) => {
  const [root, kind, ...value] = subject.split('/')
  if (root === 'platform') return 'the recorder'
  return root === 'group' ? `${groupKinds[kind] ?? kind} ${value.join('/')}` : subject
}

/** Also of the device page, where the device itself is left out. */
export const alarmRow = (alarm, { only, done, say, ofDevice = false }) =>
  h(
    'tr',
    { class: alarm.active ? '' : 'over' },
    h('td', { class: 'severity-cell' }, severityMark(alarm)),
    h(
      'td',
      { class: 'what-cell' },
      h(
        'a',
        { href: `#/alarm/${encodeURIComponent(alarm.id)}`, 'data-key': alarm.id },
        alarm.title ?? alarm.type,
        alarm.qualifier === '' ? '' : ` (${alarm.qualifier})`,
      ),
      ' ',
      alarmTags(alarm),
      h('span', { class: 'reason' }, alarm.text),
      only === undefined
        ? undefined
        : h(
            'button',
            { type: 'button', class: 'link small type', title: 'Only alarms of this type', onclick: () => only(alarm.type) },
            alarm.type,
          ),
    ),
    ofDevice
      ? undefined
      : h(
          'td',
          { class: 'device-cell' },
          alarm.deviceId === null
            ? subjectWords(alarm.subject)
            : h('a', { href: `#/device/${alarm.deviceId}` }, alarm.name ?? alarm.deviceId),
          alarm.site === null ? undefined : h('span', { class: 'soft' }, alarm.site.name ?? alarm.site.id),
        ),
    sinceCell(alarm),
    h('td', { class: 'act-cell' }, acknowledgeButton(alarm, done, say)),
  )

const acknowledgeButton = (alarm, done, say) =>
  !alarm.active || alarm.operator.state !== 'none'
    ? undefined
    : h(
        'button',
        {
          type: 'button',
          'data-key': `ack-${alarm.id}`,
          onclick: async ({ target }) => {
            target.disabled = true
            try {
              await post(`alarms/${encodeURIComponent(alarm.id)}/acknowledge`, {})
              target.textContent = 'Given'
              // The stage carries it out within a second or two.
              setTimeout(() => void done(), 2500)
            } catch (error) {
              target.disabled = false
              say(failure(error))
            }
          },
        },
        'Acknowledge',
      )
