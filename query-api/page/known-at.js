/**
 * "As known at": a moment that the address of a view carries. What is shown is then what people could see at that time, and a
 * banner says that it is not now. Nothing can be done about alarms of such a view.
 */
import { h } from './dom.js'
import { ageOf, dateTime, zoneShort } from './format.js'
import { timeInput } from './time-input.js'

/** Undefined: now. */
export const knownAtOf = (params) => params.get('knownAt') ?? undefined

/** An address of the page at the same moment. */
export const asKnownAt = (hash, knownAt) =>
  knownAt === undefined ? hash : `${hash}${hash.includes('?') ? '&' : '?'}knownAt=${encodeURIComponent(knownAt)}`

/** The device at that moment, as it was known then. */
export const deviceHref = (id, knownAt) =>
  knownAt === undefined ? `#/device/${id}` : `#/device/${id}?at=${encodeURIComponent(knownAt)}&known=0`

/** The present address with another moment; undefined: now. */
const go = (knownAt) => {
  const [path, query = ''] = location.hash.split('?')
  const params = new URLSearchParams(query)
  params.delete('knownAt')
  location.hash = asKnownAt(params.size === 0 ? path : `${path}?${params}`, knownAt)
}

/** Beside the title, while what is shown is now. */
export const knownAtButton = (knownAt) =>
  knownAt === undefined
    ? h(
        'button',
        { type: 'button', class: 'link', title: 'What could be seen at some time', onclick: () => go(new Date().toISOString()) },
        'as known at …',
      )
    : undefined

/** Above what is shown, while it is not now. */
export const knownAtBanner = (knownAt) => {
  if (knownAt === undefined) return undefined
  const ms = Date.parse(knownAt)
  const back = h('button', { type: 'button', class: 'primary', onclick: () => go(undefined) }, 'Back to now')
  if (Number.isNaN(ms))
    return h('p', { class: 'notice error then' }, h('b', {}, `“${knownAt}” is no time.`), h('span', { class: 'spring' }), back)
  const shift = (label, minutes) => h('button', { type: 'button', onclick: () => go(new Date(ms + minutes * 60_000).toISOString()) }, label)
  return h(
    'div',
    { class: 'notice then', role: 'group', 'aria-label': 'This is not now' },
    h('b', {}, `Not now: as known at ${dateTime(knownAt)} ${zoneShort(ms)}, ${ageOf(knownAt)} ago.`),
    h('span', {}, 'Nothing later is shown.'),
    h('span', { class: 'spring' }),
    shift('−10 min', -10),
    timeInput(knownAt, 'Known at', go),
    shift('+10 min', 10),
    back,
  )
}
