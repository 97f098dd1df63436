/** Dead letters by cause: what came, why it was refused, what to do, a second try; and a place to try a message. */
import { ApiError, get, post } from './api.js'
import { confirmButton, h, replace } from './dom.js'
import { ageOf, bytes, count, exactTime, time } from './format.js'

export const deadLettersView = ({ root, noteComplete }) => {
  const groups = h('div', { class: 'stack' })
  const results = new Map()
  let before = ''
  root.append(
    h(
      'div',
      { class: 'title' },
      h('h1', {}, 'Dead letters'),
      h('span', { class: 'soft' }, 'messages that could not become events, last 30 days, by topic shape and reason'),
    ),
    h('div', { class: 'stack' }, groups, parsePanel()),
  )

  const refresh = async () => {
    const answer = await get('dead-letters', { newest: 5 })
    noteComplete(answer.completeThrough)
    const now = JSON.stringify([answer.items, [...results]])
    if (now === before) return
    before = now
    replace(
      groups,
      answer.items.length === 0 ? h('p', { class: 'panel empty' }, 'None. Every message of the last 30 days became an event.') : undefined,
      answer.items.map((group) => groupPanel(group, results, refresh)),
      answer.more ? h('p', { class: 'soft' }, 'There are more groups than are shown; the API lists them all.') : undefined,
    )
  }
  return { refresh }
}

const groupPanel = (group, results, refresh) => {
  const { topicShape, reason } = group
  const key = `${topicShape} ${reason}`
  const redrive = async () => {
    try {
      const done = await post('dead-letters/redrive', { topicShape, reason })
      results.set(
        key,
        `${count(done.redriven)} became events, ${count(done.stillRefused)} were refused again${done.skippedCut > 0 ? `, ${count(done.skippedCut)} were kept only in part` : ''}.`,
      )
    } catch (error) {
      results.set(
        key,
        error instanceof ApiError ? `${error.problem.title}. ${error.message}` : `The recorder did not answer (${error.message}).`,
      )
    }
    await refresh()
  }
  const whole = group.count - group.cut
  return h(
    'section',
    { class: 'panel', 'aria-label': key },
    h(
      'div',
      { class: 'group-head' },
      h('h2', { class: 'shape' }, topicShape),
      h('span', { class: 'tag warn' }, reason),
      h('b', {}, `${count(group.count)} ${group.count === 1 ? 'letter' : 'letters'}`),
      h('span', { class: 'soft', title: exactTime(group.lastSeenAt) }, `last ${ageOf(group.lastSeenAt)} ago`),
      h('span', { class: 'soft', title: exactTime(group.firstSeenAt) }, `first ${time(group.firstSeenAt)}`),
    ),
    h(
      'div',
      { class: 'group-body' },
      h('p', { class: 'todo' }, group.means ?? '', group.whatToDo === null ? '' : ` To do: ${group.whatToDo}`),
      h(
        'div',
        { class: 'tools' },
        confirmButton('Re-drive', `Try ${count(whole)} again?`, redrive, { disabled: whole === 0, 'data-key': `redrive-${key}` }),
        h(
          'span',
          { class: 'soft', role: 'status' },
          results.get(key) ??
            (whole === 0
              ? 'Kept only in part, so they cannot be tried again.'
              : 'With their original time of arrival, after the cause is mended.'),
        ),
      ),
      group.newest.length === 0
        ? undefined
        : h(
            'details',
            { 'data-key': key, open: group.newest.length > 0 && undefined },
            h('summary', {}, `The newest ${group.newest.length}, in full`),
            group.newest.map(letter),
          ),
    ),
  )
}

const letter = (one) =>
  h(
    'div',
    { class: 'letter' },
    h(
      'div',
      { class: 'meta' },
      h('span', { title: exactTime(one.receivedAt) }, time(one.receivedAt)),
      h('span', { class: 'mono' }, one.topic),
      h('span', {}, `${bytes(one.payloadBytes)}${one.cut ? ', first 4 KiB kept' : ''}`),
      one.clientId === '' ? undefined : h('span', {}, `client ${one.clientId}`),
    ),
    h('p', {}, one.detail),
    one.payload === null
      ? h('p', { class: 'soft' }, 'The key of that day is gone, and the payload with it.')
      : h('pre', { tabIndex: 0 }, one.payloadEncoding === 'base64' ? `base64: ${one.payload}` : one.payload),
  )

const parsePanel = () => {
  const topic = h('input', { 'aria-label': 'Topic', placeholder: 'dwr/311-a1/00-11-22-33-44-55/hardware/loadavg', required: true })
  const payload = h('textarea', { 'aria-label': 'Payload', rows: 3, placeholder: '{"load1":0.42,"load5":0.37,"load15":0.31}' })
  const result = h('pre', { hidden: true, tabIndex: 0, role: 'status' })
  const show = (text) => {
    result.hidden = false
    result.textContent = text
  }
  return h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Try a message', h('small', {}, 'shows what it would become; nothing is stored')),
    h(
      'form',
      {
        class: 'form',
        onsubmit: async (event) => {
          event.preventDefault()
          try {
            show(JSON.stringify(await post('parse', { topic: topic.value, payload: payload.value }), null, 2))
          } catch (error) {
            show(error.message)
          }
        },
      },
      topic,
      payload,
      h('div', { class: 'tools' }, h('button', { class: 'primary' }, 'Parse')),
      result,
    ),
  )
}
