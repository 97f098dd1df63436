/** Maintenance windows: which are planned or hold now, whom they meet, and making, prolonging and ending one. */
import { failure, get, post } from './api.js'
import { confirmButton, h, replace } from './dom.js'
import { count, dateTime, exactTime, fromInput, toInput, zoneShort } from './format.js'

const shownMax = 100
const kinds = [
  ['site', 'sites'],
  ['device', 'devices (MAC)'],
  ['model', 'models'],
  ['firmware', 'firmwares'],
  ['region', 'regions'],
  ['class', 'classes'],
  ['plan', 'data plans'],
]
const lengths = [
  ['30', '30 min'],
  ['60', '1 h'],
  ['120', '2 h'],
  ['240', '4 h'],
  ['480', '8 h'],
  ['1440', '1 day'],
]

export const maintenanceView = ({ root, noteComplete }) => {
  const body = h('tbody', {})
  const foot = h('div', { class: 'foot' })
  const said = h('p', { class: 'notice', role: 'status', hidden: true })
  const say = (text, bad = false) => {
    said.hidden = text === ''
    said.className = bad ? 'notice error' : 'notice'
    said.textContent = text
  }
  let state = 'open'
  const states = h(
    'select',
    {
      'aria-label': 'Which windows',
      onchange: ({ target }) => {
        state = target.value
        void refresh()
      },
    },
    [
      ['open', 'planned and active'],
      ['planned', 'planned'],
      ['active', 'active'],
      ['all', 'all'],
      ['over', 'over'],
      ['withdrawn', 'withdrawn'],
    ].map(([value, text]) => h('option', { value }, text)),
  )
  /** Refusals stand on the page as the API words them. */
  const act = async (work) => {
    try {
      say(await work())
    } catch (error) {
      say(failure(error), true)
    }
    await refresh()
  }
  root.append(
    h(
      'div',
      { class: 'title' },
      h('h1', {}, 'Maintenance'),
      h('span', { class: 'soft' }, 'times in which alarms of some devices are recorded and wake nobody'),
    ),
    said,
    h(
      'div',
      { class: 'stack' },
      h(
        'section',
        { class: 'panel', 'aria-label': 'Maintenance windows' },
        h('div', { class: 'tools log-tools' }, states),
        h(
          'table',
          { class: 'alarms' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              ['Window', 'Of', 'When', 'Held down', ''].map((label) => h('th', { scope: 'col' }, label)),
            ),
          ),
          body,
        ),
        foot,
      ),
      makePanel(act),
    ),
  )
  const refresh = async () => {
    const { items, nextCursor, completeThrough } = await get('maintenance-windows', { state, limit: shownMax })
    noteComplete(completeThrough)
    replace(
      body,
      items.map((item) => windowRow(item, act)),
    )
    replace(
      foot,
      items.length === 0 ? 'None.' : `${count(items.length)}${nextCursor === null ? '' : ' of more; the API lists all'}`,
      h('span', {}, `times in ${zoneShort()}`),
    )
  }
  return { refresh }
}

const selectorWords = (selector) =>
  Object.entries(selector)
    .map(([name, wanted]) => `${name} ${Array.isArray(wanted) ? wanted.join(', ') : String(wanted)}`)
    .join('; ')

const windowRow = (item, act) => {
  const { id, version, selector, reason, from, to, createdBy, heldAlarms } = item
  const isOpen = item.state === 'active' || item.state === 'planned'
  const path = `maintenance-windows/${encodeURIComponent(id)}`
  const longer = async () => {
    const until = new Date(Date.parse(to) + 3_600_000).toISOString()
    const changed = await post(`${path}/change`, { expectedVersion: version, to: until })
    return `${id} now ends at ${dateTime(changed.to)}.`
  }
  const end = async () => {
    await post(`${path}/withdraw`, { expectedVersion: version })
    return `${id} is withdrawn; what still stands is told.`
  }
  return h(
    'tr',
    { class: isOpen ? '' : 'over' },
    h(
      'td',
      {},
      h('b', {}, reason),
      h('div', { class: 'soft' }, `${id}, by ${createdBy}`),
      h('span', { class: item.state === 'active' ? 'tag warn' : 'tag' }, item.state),
    ),
    h('td', {}, selectorWords(selector)),
    h(
      'td',
      { class: 'since', title: `${exactTime(from)} to ${exactTime(to)}` },
      dateTime(from),
      h('span', { class: 'soft' }, `to ${dateTime(to)}`),
    ),
    h('td', { class: 'number' }, count(heldAlarms)),
    h(
      'td',
      { class: 'act-cell' },
      isOpen
        ? [
            h('button', { type: 'button', 'data-key': `longer-${id}`, onclick: () => act(longer) }, '1 h longer'),
            ' ',
            confirmButton('End now', 'End it?', () => act(end), { 'data-key': `end-${id}` }),
          ]
        : undefined,
    ),
  )
}

const makePanel = (act) => {
  const options = (pairs) => pairs.map(([value, text]) => h('option', { value }, text))
  const kind = h('select', { 'aria-label': 'Which devices' }, options(kinds))
  const of = h('input', { 'aria-label': 'Names', placeholder: 'depot-*, harbour', required: true, maxLength: 2000 })
  const from = h('input', { 'aria-label': `Beginning, in ${zoneShort()}`, placeholder: `now, or ${toInput(Date.now()).slice(0, 16)}` })
  const length = h('select', { 'aria-label': 'How long' }, options(lengths))
  length.value = '120'
  const reason = h('input', { 'aria-label': 'Reason', placeholder: 'Reason', required: true, maxLength: 500 })
  const ticket = h('input', { 'aria-label': 'Ticket', placeholder: 'Ticket or id (made when empty)', maxLength: 64 })

  /** Undefined: what was written is no time, which is said. */
  const asked = () => {
    const written = from.value.trim()
    const beginMs = written === '' || written === 'now' ? Date.now() : fromInput(written)
    from.setCustomValidity(beginMs === undefined ? 'Expected now, or a time as 2026-11-26 22:00.' : '')
    if (!form.reportValidity() || beginMs === undefined) return undefined
    const names = of.value
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
    return {
      ...(ticket.value.trim() === '' ? {} : { id: ticket.value.trim() }),
      selector: { [kind.value]: names },
      ...(written === '' || written === 'now' ? {} : { from: new Date(beginMs).toISOString() }),
      to: new Date(beginMs + Number(length.value) * 60_000).toISOString(),
      reason: reason.value.trim(),
    }
  }
  const meetsWords = ({ devices, standingAlarms, examples }) =>
    devices === 0
      ? 'It meets no device that is known.'
      : `It meets ${count(devices)} ${devices === 1 ? 'device' : 'devices'} (${examples.slice(0, 3).join(', ')}${devices > 3 ? ', …' : ''}), on which ${count(standingAlarms)} ${standingAlarms === 1 ? 'alarm stands' : 'alarms stand'}.`
  const check = async () => {
    const body = asked()
    if (body !== undefined) await act(async () => meetsWords((await post('maintenance-windows?dryRun=true', body)).meets))
  }
  const make = async () => {
    const body = asked()
    if (body === undefined) return
    await act(async () => {
      const made = await post('maintenance-windows', body)
      form.reset()
      length.value = '120'
      const behind = made.confirmed ? '' : ' The processors are behind; it comes into force when they are there.'
      return `Made, until ${dateTime(made.to)}. ${meetsWords(made.meets)}${behind}`
    })
  }
  from.addEventListener('input', () => from.setCustomValidity(''))
  const form = h(
    'form',
    {
      class: 'form actions',
      onsubmit: (event) => {
        event.preventDefault()
        void make()
      },
    },
    h('div', { class: 'tools' }, kind, length),
    of,
    from,
    reason,
    ticket,
    h(
      'div',
      { class: 'tools' },
      h('button', { type: 'button', onclick: () => void check() }, 'Whom does it meet?'),
      h('button', { class: 'primary' }, 'Make it'),
    ),
    h('p', { class: 'soft' }, 'Names with * stand for many; several with commas. Times in the zone that is chosen above.'),
  )
  return h('section', { class: 'panel' }, h('h2', {}, 'New window'), form)
}
