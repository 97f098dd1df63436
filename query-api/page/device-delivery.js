/** One device's delivery: what each hop counted, and the gaps in its numbering, each between which two messages. */
import { get } from './api.js'
import { h, replace } from './dom.js'
import { age, count, exactTime, time } from './format.js'
import { hopsTable } from './ledger-hops.js'

const pageSize = 50
const dayMs = 86_400_000

/** `go` moves the page to a moment. */
export const deliveryPart = (id, go) => {
  const words = h('p', { class: 'log-tools' })
  const hops = h('div', { class: 'scroll' })
  const body = h('tbody', {})
  const foot = h('div', { class: 'foot' })
  const root = h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Delivery by hop', h('small', {}, 'whole hours of arrival')),
    words,
    hops,
    h('div', { class: 'scroll' }, h('table', { class: 'small-table' }, body)),
    foot,
  )

  const refresh = async ({ fromMs, toMs, live }) => {
    const asked = { from: new Date(Math.min(fromMs, toMs - dayMs)).toISOString(), to: live ? undefined : new Date(toMs + 1).toISOString() }
    const [ledger, gaps] = await Promise.all([get(`devices/${id}/ledger`, asked), get(`devices/${id}/gaps`, { ...asked, limit: pageSize })])
    replace(words, wordsOf(ledger))
    replace(hops, hopsTable(ledger.hops))
    replace(
      body,
      gaps.items.map((gap) => gapRow(gap, go)),
    )
    replace(
      foot,
      gaps.items.length === 0 ? 'No gap in its numbering.' : '',
      gaps.nextCursor === null ? '' : `The newest ${pageSize} gaps; the API lists all.`,
    )
  }
  return { root, refresh }
}

const messagesText = (n) => `${count(n)} ${n === 1 ? 'message' : 'messages'}`

const wordsOf = ({ account, gaps }) => {
  if (account.missing === 'unknown') return 'It does not number its messages: whether some were lost on their way here cannot be known.'
  const open =
    gaps.open === 0
      ? h('span', { class: 'ok' }, 'Nothing that it numbered is missing.')
      : h(
          'b',
          { class: 'bad' },
          `${messagesText(gaps.messagesMissing)} missing in ${count(gaps.open)} ${gaps.open === 1 ? 'gap' : 'gaps'}.`,
        )
  return [
    open,
    gaps.filled === 0
      ? ''
      : ` ${messagesText(gaps.messagesFilled)} came later into ${count(gaps.filled)} ${gaps.filled === 1 ? 'gap' : 'gaps'}.`,
  ]
}

const gapRow = ({ bootId, firstSeq, lastSeq, messages, state, filledAt, openedAt, before, after, refusedBetween, partition }, go) =>
  h(
    'tr',
    {},
    h(
      'td',
      { class: 'nowrap' },
      h(
        'button',
        {
          type: 'button',
          class: 'at',
          title: `${exactTime(after.observedAt)}: look at this moment`,
          onclick: () => go({ at: after.observedAt }),
        },
        time(after.observedAt),
      ),
    ),
    h(
      'td',
      { class: state === 'open' ? 'nowrap bad' : 'nowrap soft' },
      state === 'open' ? 'missing' : `came ${age((Date.parse(filledAt) - Date.parse(openedAt)) / 1000)} later`,
    ),
    h(
      'td',
      {
        class: 'soft',
        title: `boot ${bootId}\nafter number ${before.seq}, ${exactTime(before.observedAt)}, log ${partition}:${before.offset}\nbefore number ${after.seq}, ${exactTime(after.observedAt)}, log ${partition}:${after.offset}`,
      },
      `${messagesText(messages)}: ${messages === 1 ? `number ${firstSeq}` : `numbers ${firstSeq} to ${lastSeq}`}, between ${time(before.observedAt)} and ${time(after.observedAt)}`,
      refusedBetween > 0 ? `; ${count(refusedBetween)} refused meanwhile` : '',
    ),
  )
