/** The fleet: counts that filter, search, a sorted list. */
import { get } from './api.js'
import { debounce, h, replace, svg } from './dom.js'
import { ageOf, count, exactTime, time, zoneShort } from './format.js'

const columns = [
  ['presence', 'State', 'state-cell'],
  ['name', 'Device', 'name'],
  ['site', 'Site', 'site'],
  ['model', 'Model', 'model'],
  ['firmware', 'Firmware', 'firmware'],
  ['lastSeenAt', 'Last seen', 'seen'],
]

const pageSize = 100
/** What was asked for is kept while one looks at a device and comes back. */
const asked = { q: '', presence: '', registered: '', retired: '', sort: 'name', order: 'asc', limit: pageSize }

export const fleetView = ({ root, noteComplete }) => {
  const counts = h('div', { class: 'counts', role: 'group', 'aria-label': 'Filter by state' })
  const body = h('tbody', {})
  const head = h('tr', {})
  const foot = h('div', { class: 'foot' })
  const search = h('input', {
    type: 'search',
    placeholder: 'Name, MAC, serial, site or customer   ( / )',
    'aria-label': 'Search devices',
    value: asked.q,
    oninput: debounce(200, () => {
      asked.q = search.value
      asked.limit = pageSize
      void refresh()
    }),
  })
  const retired = h(
    'label',
    { class: 'check' },
    h('input', {
      type: 'checkbox',
      checked: asked.retired === 'true',
      onchange: (event) => {
        asked.retired = event.target.checked ? 'true' : ''
        void refresh()
      },
    }),
    'retired',
  )
  root.append(
    h('h1', { class: 'visually-hidden' }, 'Fleet'),
    counts,
    h(
      'section',
      { class: 'panel', 'aria-label': 'Devices' },
      h('div', { class: 'tools log-tools' }, search, retired),
      h('table', { class: 'devices' }, h('thead', {}, head), body),
      foot,
    ),
  )
  body.addEventListener('keydown', moveByArrow)

  const set = (changes) => {
    Object.assign(asked, changes, { limit: pageSize })
    void refresh()
  }

  let clocksAtMs = 0
  let wrongClocks
  /** A day of observations: not with each look. */
  const refreshClocks = async () => {
    if (Date.now() - clocksAtMs < 60_000) return
    clocksAtMs = Date.now()
    wrongClocks = (await get('clocks', { limit: 1 })).total.wrong
  }

  const showCounts = (fleet) => {
    const filter = (label, value, presence, registered = '') => {
      const pressed = asked.presence === presence && asked.registered === registered
      return h(
        'button',
        {
          type: 'button',
          'aria-pressed': String(pressed),
          'data-key': `count-${label}`,
          onclick: () => set(pressed ? { presence: '', registered: '' } : { presence, registered }),
        },
        h('b', {}, count(value)),
        h('span', { class: 'what' }, presence === '' ? undefined : h('span', { class: `dot ${presence}` }), label),
      )
    }
    const minutes = fleet.messagesPerMinute
    const lastFull = minutes
      .filter(({ at }) => Date.parse(at) + 60_000 <= Date.parse(fleet.completeThrough ?? new Date().toISOString()))
      .at(-1)
    replace(
      counts,
      filter('all devices', fleet.devicesExpected, ''),
      filter('online', fleet.presence.online, 'online'),
      filter('offline', fleet.presence.offline, 'offline'),
      filter('unknown', fleet.presence.unknown, 'unknown'),
      filter('not registered', fleet.unregistered, '', 'false'),
      h(
        'a',
        { href: '#/clocks', class: 'plain', 'data-key': 'count-clocks' },
        h('b', {}, wrongClocks === undefined ? '—' : count(wrongClocks)),
        h('span', { class: 'what' }, 'wrong clocks'),
      ),
      h(
        'div',
        { class: 'plain rate' },
        h('span', {}, h('b', {}, count(lastFull?.messages ?? 0)), h('span', { class: 'what' }, 'messages/min')),
        spark(minutes),
      ),
    )
  }

  const refresh = async () => {
    const { limit, ...filter } = asked
    const [fleet, list] = await Promise.all([get('fleet'), get('devices', { ...filter, limit: Math.min(limit, 1000) }), refreshClocks()])
    noteComplete(list.completeThrough)
    showCounts(fleet)
    replace(
      head,
      columns.map(([sort, label, className]) =>
        h(
          'th',
          {
            scope: 'col',
            class: className,
            'aria-sort': asked.sort === sort ? (asked.order === 'asc' ? 'ascending' : 'descending') : undefined,
          },
          h(
            'button',
            {
              type: 'button',
              'data-key': `sort-${sort}`,
              onclick: () => set({ sort, order: asked.sort === sort && asked.order === 'asc' ? 'desc' : 'asc' }),
            },
            label,
          ),
        ),
      ),
    )
    replace(body, list.items.map(row))
    replace(
      foot,
      h('span', {}, `${count(fleet.devicesReported)} of ${count(fleet.devicesExpected)} devices reported lately`),
      h('span', {}, `times in ${zoneShort()}`),
      list.items.length === 0
        ? h('span', {}, asked.q === '' ? 'Nothing has been heard yet. Try npm run agent.' : 'No device fits.')
        : undefined,
      list.nextCursor === null
        ? undefined
        : limit >= 1000
          ? h('span', {}, 'The first 1,000 are shown: search for the others.')
          : h(
              'button',
              {
                type: 'button',
                onclick: () => {
                  asked.limit = Math.min(1000, limit + 200)
                  void refresh()
                },
              },
              'Show more',
            ),
    )
  }
  return { refresh }
}

export const presenceMark = ({ state }) => h('span', { class: 'presence' }, h('span', { class: `dot ${state}` }), state)

/** Silent for three of its intervals, at least 15 minutes: what its last word said may no longer hold. */
const late = ({ lastSeenAt, expectedIntervalSeconds }) =>
  Date.now() - Date.parse(lastSeenAt) > Math.max(900, 3 * (expectedIntervalSeconds ?? 300)) * 1000

const row = (device) => {
  const { presence, site } = device
  return h(
    'tr',
    {},
    h(
      'td',
      { class: 'state-cell' },
      presenceMark(presence),
      presence.since === null
        ? undefined
        : h('span', { class: 'soft', title: `since ${exactTime(presence.since)}` }, ` ${ageOf(presence.since)}`),
    ),
    h(
      'td',
      { class: 'name' },
      h('a', { href: `#/device/${device.deviceId}`, 'data-key': device.deviceId }, device.name ?? device.deviceId),
      device.name === null ? undefined : h('span', { class: 'mac mono' }, device.deviceId),
    ),
    h(
      'td',
      { class: 'site' },
      device.registered ? (site === null ? '' : (site.name ?? site.id)) : h('span', { class: 'tag' }, 'not registered'),
    ),
    h('td', { class: 'model' }, device.model ?? ''),
    h('td', { class: 'firmware' }, device.firmware ?? ''),
    device.lastSeenAt === null
      ? h('td', { class: 'seen soft' }, 'never')
      : h(
          'td',
          { class: late(device) ? 'seen nowrap warn' : 'seen nowrap', title: exactTime(device.lastSeenAt) },
          `${ageOf(device.lastSeenAt)} ago`,
          h('span', { class: 'soft' }, `  ${time(device.lastSeenAt)}`),
        ),
  )
}

const moveByArrow = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key]
  if (step === undefined) return
  const links = [...event.currentTarget.querySelectorAll('a')]
  const next = links[links.indexOf(document.activeElement) + step]
  if (next === undefined) return
  event.preventDefault()
  next.focus()
}

/** The last hour by minute; minutes without a message are zero here, because silence is what it shows. */
const spark = (minutes) => {
  const end = Math.floor(Date.now() / 60_000) * 60_000
  const byMinute = new Map(minutes.map(({ at, messages }) => [Date.parse(at), messages]))
  const last = minutes.length === 0 ? end : Math.max(end, Date.parse(minutes.at(-1).at))
  const values = Array.from({ length: 60 }, (_, i) => byMinute.get(last - (60 - i) * 60_000) ?? 0)
  const top = Math.max(1, ...values)
  const picture = svg('svg', { viewBox: '0 0 60 20', preserveAspectRatio: 'none', class: 'spark', role: 'img' })
  const title = svg('title', {})
  title.textContent = `Messages per minute over the last hour, highest ${count(top)}`
  picture.append(title)
  values.forEach((value, i) => {
    const height = (value / top) * 19
    picture.append(svg('rect', { x: i + 0.1, y: 20 - height, width: 0.8, height, fill: 'currentColor' }))
  })
  return picture
}
