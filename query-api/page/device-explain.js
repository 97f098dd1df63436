/**
 * Where a value came from: its messages with topic, times, verdict and payload, repeats apart. One dialog, opened by the small
 * buttons beside values; a place in the log leads to that message.
 */
import { get } from './api.js'
import { h, replace } from './dom.js'
import { age, count, dateTime, exactTime, quantity, zoneShort } from './format.js'

const pageSize = 20

/** `explain({ title, ...parameters of the API })` opens the dialog; `button` makes what opens it. */
export const explainer = (id, moment) => {
  const title = h('h2', {})
  const body = h('div', { class: 'explained' })
  const foot = h('div', { class: 'foot' })
  const dialog = h(
    'dialog',
    { class: 'explain', 'aria-label': 'Where a value came from' },
    h('header', {}, title, h('button', { type: 'button', onclick: () => dialog.close() }, 'Close')),
    body,
    foot,
  )
  document.body.append(dialog)
  let asked

  const load = async (cursor, before) => {
    const { title: _title, ...params } = asked
    const mine = asked
    const moments =
      params.bucket === undefined && params.message === undefined ? { at: moment.at, knownAt: moment.knownAt } : { knownAt: moment.knownAt }
    const answer = await get(`devices/${id}/explain`, { ...moments, ...params, limit: pageSize, cursor })
    if (mine !== asked) return
    const items = [...before, ...answer.items]
    replace(
      body,
      answer.bucket === null ? undefined : bucketText(answer),
      items.length === 0
        ? h('p', { class: 'empty' }, 'Nothing was told of it up to then.')
        : items.map((item) => source(item, answer, explain)),
    )
    replace(
      foot,
      answer.knownAt === null ? undefined : `as known at ${dateTime(answer.knownAt)} ${zoneShort(Date.parse(answer.knownAt))} `,
      answer.nextCursor === null
        ? undefined
        : h('button', { type: 'button', onclick: () => void load(answer.nextCursor, items) }, 'Further messages'),
    )
  }
  const explain = (next) => {
    asked = next
    replace(title, next.title)
    replace(body, h('p', { class: 'empty' }, 'asking …'))
    replace(foot)
    if (!dialog.open) dialog.showModal()
    load(undefined, []).catch((error) => replace(body, h('p', { class: 'notice error', role: 'alert' }, error.message)))
  }
  const button = (next) =>
    h(
      'button',
      {
        type: 'button',
        class: 'why',
        'data-key': `why-${next.title}-${next.attributes ?? ''}`,
        'aria-label': `Explain ${next.title}`,
        title: 'Which messages it came from',
        onclick: () => explain(next),
      },
      '?',
    )
  return { explain, button, leave: () => dialog.remove() }
}

const plural = (number, word) => `${count(number)} ${word}${number === 1 ? '' : 's'}`

const bucketText = ({ bucket, kind, unit, metric }) => {
  const shown = (value) => (value === null ? '—' : quantity(value, unit, metric))
  return h(
    'p',
    {},
    `${dateTime(bucket.from)} to ${dateTime(bucket.to)}: ${plural(bucket.samples, 'reading')} of ${plural(bucket.messages, 'message')}`,
    bucket.missing === 0 ? '' : `, ${count(bucket.missing)} without a value`,
    kind === 'counter'
      ? `; it grew by ${bucket.increase === null ? 'an unknown amount' : shown(bucket.increase)}.`
      : `; mean ${shown(bucket.avg)}, least ${shown(bucket.min)}, greatest ${shown(bucket.max)}.`,
  )
}

const source = ({ observedAt, attributes, value, text, quality, delta, message, repeats }, { kind }, explain) =>
  h(
    'article',
    {},
    h(
      'h3',
      {},
      kind === 'message' ? quality : value === null ? (text ?? (quality === 'ok' ? 'none' : quality)) : String(value),
      delta === null ? '' : ` (+${delta})`,
      ' ',
      h(
        'small',
        {},
        [Object.values(attributes).join(' '), kind !== 'message' && quality !== 'ok' ? quality : '', dateTime(observedAt)]
          .filter(Boolean)
          .join(', '),
      ),
    ),
    message === null ? h('p', { class: 'soft' }, 'Its message is no longer kept.') : told(message, explain),
    repeats.length === 0
      ? undefined
      : h(
          'details',
          {},
          h('summary', {}, repeats.length === 1 ? 'It came once more' : `It came ${repeats.length} times more`),
          repeats.map((repeat) => told(repeat, explain)),
        ),
  )

const verdicts = {
  trusted: 'believed',
  missing: 'it told none: placed by arrival',
  future: 'ahead of arrival: placed by arrival',
  'before-2010': 'its clock was not set: placed by arrival',
}
const outcomes = { duplicate: 'repeat, counted once', stored_copy: 'copy that a broker had kept', ambiguous: 'stored, perhaps a repeat' }

const told = (message, explain) => {
  const pair = (label, value, title) =>
    value === undefined || value === null ? undefined : h('div', {}, h('dt', {}, label), h('dd', { title }, value))
  const lag = (Date.parse(message.receivedAt) - Date.parse(message.observedAt)) / 1000
  const place = `${message.partition}:${message.offset}`
  const zoned = (iso) => `${dateTime(iso)} ${zoneShort(Date.parse(iso))}`
  return h(
    'div',
    { class: 'source' },
    h(
      'dl',
      { class: 'pairs' },
      pair('topic', h('span', { class: 'mono' }, message.topic || '—')),
      pair(
        'its clock',
        message.claimedAt === null ? 'no time told' : zoned(message.claimedAt),
        message.claimedAt === null ? undefined : exactTime(message.claimedAt),
      ),
      pair('clock verdict', verdicts[message.clockVerdict] ?? message.clockVerdict),
      pair('placed at', zoned(message.observedAt), exactTime(message.observedAt)),
      pair(
        'arrived',
        [zoned(message.receivedAt), lag > 60 ? h('b', { class: 'warn' }, `, ${age(lag)} later`) : ''],
        exactTime(message.receivedAt),
      ),
      pair('boot, number', message.seq === null ? null : `${message.bootId ?? '—'}, ${message.seq}`),
      pair('taken as', outcomes[message.outcome] ?? message.outcome),
      pair(
        'in the log',
        h(
          'button',
          { type: 'button', class: 'link mono', onclick: () => explain({ title: `message ${place}`, of: 'message', message: place }) },
          place,
        ),
        `log ${message.logId}, partition ${message.partition}, offset ${message.offset}`,
      ),
    ),
    payload(message),
  )
}

const payload = ({ payload: text, payloadEncoding, payloadBytes }) => {
  if (payloadEncoding === 'sealed')
    return h('p', { class: 'soft' }, `Payload of ${count(payloadBytes)} bytes, sealed: it carries personal identifiers.`)
  if (text === null)
    return h('p', { class: 'soft' }, payloadEncoding === 'none' ? 'It brought no payload.' : 'Its stored frame cannot be read.')
  return h(
    'pre',
    { tabIndex: 0, 'aria-label': 'Payload' },
    payloadEncoding === 'utf8' ? pretty(text) : `base64, ${count(payloadBytes)} bytes\n${text}`,
  )
}

/** JSON with breaks; whatever else as it came. Numbers stay as written: only what stands between tokens changes. */
const pretty = (text) => {
  try {
    JSON.parse(text)
  } catch {
    return text
  }
  let depth = 0
  const line = () => `\n${'  '.repeat(depth)}`
  return text.replace(/"(?:[^"\\]|\\.)*"|\s+|[{}[\],:]/g, (token) => {
    if (token.startsWith('"')) return token
    if (token === '{' || token === '[') {
      depth++
      return token + line()
    }
    if (token === '}' || token === ']') {
      depth--
      return line() + token
    }
    return token === ',' ? token + line() : token === ':' ? ': ' : ''
  })
}
