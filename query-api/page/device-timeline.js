/** What happened in the range, of every kind, newest first; each entry leads to its moment. */
import { get } from './api.js'
import { debounce, h, replace } from './dom.js'
import { age, count, exactTime, time } from './format.js'

const pageSize = 100
/** Data that came this much later than what they tell is marked so; the API's own limit for late uploads. */
const lateSeconds = 900

const groups = [
  ['alarms', ['alarm'], 'Alarm'],
  ['boots', ['boot'], 'Boot'],
  ['presence', ['presence'], 'Presence'],
  ['firmware', ['firmware'], 'Firmware'],
  ['facts', ['fact'], 'Fact'],
  ['radio', ['cell', 'band'], 'Radio'],
  ['clock, late data', ['clock', 'clock_step', 'late_upload'], 'Clock'],
  ['gaps', ['gap'], 'Gap'],
  ['counters', ['counter'], 'Counters'],
  ['logs', ['log_burst', 'log_first_seen'], 'Logs'],
]
const labels = { cell: 'Cell', band: 'Band', late_upload: 'Late data', log_burst: 'Log burst', log_first_seen: 'New line' }
const labelOf = (kind) => labels[kind] ?? groups.find(([, kinds]) => kinds.includes(kind))?.[2] ?? kind
/** What a reader at 3 a.m. looks for first. */
const loud = new Set(['alarm', 'boot', 'firmware', 'late_upload'])

/** `go` moves the page to a moment. */
export const timelinePart = (id, go) => {
  const off = new Set()
  let later = false
  let range
  let items = []
  let nextCursor = null
  let extended = false
  const filters = h('div', { class: 'tools log-tools kinds', role: 'group', 'aria-label': 'Kinds of events' })
  const text = h('input', {
    type: 'search',
    placeholder: 'Text in the events',
    'aria-label': 'Search events',
    oninput: debounce(250, () => restart()),
  })
  const list = h('ol', { class: 'timeline', tabIndex: 0, 'aria-label': 'Events' })
  const foot = h('div', { class: 'foot' })
  const laterPlace = h('span', {})
  const drawLater = () =>
    replace(
      laterPlace,
      range?.knownAt === undefined
        ? undefined
        : h(
            'button',
            {
              type: 'button',
              'data-key': 'later',
              'aria-pressed': String(later),
              onclick: () => {
                later = !later
                restart()
              },
            },
            'also what was not known then',
          ),
    )
  const root = h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Timeline', h('small', {}, 'newest first')),
    filters,
    h('div', { class: 'tools log-tools' }, text, laterPlace),
    list,
    foot,
  )

  const drawFilters = () =>
    replace(
      filters,
      groups.map(([name]) =>
        h(
          'button',
          {
            type: 'button',
            'data-key': `kind-${name}`,
            'aria-pressed': String(!off.has(name)),
            onclick: () => {
              if (!off.delete(name)) off.add(name)
              drawFilters()
              restart()
            },
          },
          name,
        ),
      ),
    )

  const ask = (cursor) =>
    get(`devices/${id}/timeline`, {
      from: new Date(range.fromMs).toISOString(),
      to: range.live ? undefined : new Date(range.toMs + 1).toISOString(),
      kind: off.size === 0 ? undefined : groups.flatMap(([name, kinds]) => (off.has(name) ? [] : kinds)).join(','),
      text: text.value,
      knownAt: later ? undefined : range.knownAt,
      limit: pageSize,
      cursor,
    })

  const show = () => {
    replace(
      list,
      items.map((item) => entry(item, range.knownAt, go)),
    )
    replace(
      foot,
      items.length === 0 ? 'Nothing of these kinds in this range.' : `${count(items.length)} events`,
      nextCursor === null
        ? undefined
        : h(
            'button',
            {
              type: 'button',
              'data-key': 'older-events',
              onclick: async () => {
                const more = await ask(nextCursor)
                extended = true
                items = [...items, ...more.items]
                nextCursor = more.nextCursor
                show()
              },
            },
            'Older',
          ),
    )
  }

  const refresh = async (next) => {
    range = next
    drawLater()
    // Someone reads older events: do not move them away.
    if (extended) return
    if (off.size === groups.length) {
      items = []
      nextCursor = null
    } else ({ items, nextCursor } = await ask(undefined))
    show()
  }
  const restart = () => {
    extended = false
    if (range !== undefined) void refresh(range)
  }
  drawFilters()
  return { root, refresh }
}

const entry = ({ observedAt, receivedAt, kind, text }, knownAt, go) => {
  const lag = (Date.parse(receivedAt) - Date.parse(observedAt)) / 1000
  const unknownThen = knownAt !== undefined && Date.parse(receivedAt) > Date.parse(knownAt)
  return h(
    'li',
    { class: unknownThen ? 'unknown-then' : '' },
    h(
      'button',
      { type: 'button', class: 'at', title: `${exactTime(observedAt)}: look at this moment`, onclick: () => go({ at: observedAt }) },
      time(observedAt),
    ),
    h('span', { class: loud.has(kind) ? 'kind loud' : 'kind' }, labelOf(kind)),
    h(
      'span',
      { class: 'message' },
      text,
      unknownThen
        ? h('span', { class: 'tag warn', title: `arrived ${exactTime(receivedAt)}` }, 'not known then')
        : lag > lateSeconds
          ? h('span', { class: 'tag', title: `arrived ${exactTime(receivedAt)}` }, `came ${age(lag)} later`)
          : undefined,
    ),
  )
}
