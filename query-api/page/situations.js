/** Faults that many devices share, above the list of alarms: what, why, how many, since when; their members are a click away. */
import { causeWords, subjectWords } from './alarm-row.js'
import { failure, post } from './api.js'
import { h, replace } from './dom.js'
import { age, count, time } from './format.js'
import { asKnownAt } from './known-at.js'

/** `done`: after an action; `say`: what came of it; `knownAt`: as they were then, when nothing can be done about them. */
export const situationsPanel = ({ done, say, knownAt }) => {
  const body = h('tbody', {})
  const root = h(
    'section',
    { class: 'panel', 'aria-label': 'Situations', hidden: true },
    h(
      'table',
      { class: 'alarms' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Situation', 'Why', 'Still affected', 'Since', ''].map((label) => h('th', { scope: 'col' }, label)),
        ),
      ),
      body,
    ),
  )
  const draw = (items) => {
    root.hidden = items.length === 0
    replace(
      body,
      items.map((item) => situationRow(item, { done, say, knownAt })),
    )
  }
  return { root, draw }
}

const situationRow = ({ id, group, reason, cause, devices, members, root }, { done, say, knownAt }) =>
  h(
    'tr',
    {},
    h(
      'td',
      {},
      h('a', { href: asKnownAt(`#/alarm/${encodeURIComponent(root.id)}`, knownAt) }, root.title ?? root.type),
      h('div', { class: 'soft' }, subjectWords(group)),
    ),
    h(
      'td',
      {},
      reason,
      cause === null ? undefined : h('div', { class: 'soft' }, `cause: ${causeWords(cause)}`),
      // A device without an alarm of its own is found by nothing else.
      devices === null ? undefined : h('div', { class: 'soft' }, devices),
    ),
    h(
      'td',
      {},
      h(
        'a',
        { href: asKnownAt(`#/alarms?situation=${encodeURIComponent(id)}`, knownAt) },
        `${count(members.active)} of ${count(members.total)}`,
      ),
    ),
    h(
      'td',
      { title: time(root.raisedAt) },
      root.active
        ? age(((knownAt === undefined ? Date.now() : Date.parse(knownAt)) - Date.parse(root.raisedAt)) / 1000)
        : `over since ${time(root.clearedAt)}`,
    ),
    h(
      'td',
      { class: 'act-cell' },
      root.operator.state === 'none'
        ? knownAt === undefined && root.active
          ? acknowledgeAll(id, done, say)
          : 'not acknowledged'
        : `${root.operator.state === 'ack' ? 'acknowledged' : 'closed'} by ${root.operator.actor ?? 'somebody'}`,
    ),
  )

/** The group's alarm and those of its devices. */
const acknowledgeAll = (id, done, say) =>
  h(
    'button',
    {
      type: 'button',
      'data-key': `ack-situation-${id}`,
      title: 'The alarm of the group and those of its devices',
      onclick: async ({ target }) => {
        target.disabled = true
        try {
          const { appended } = await post(
            `alarms/actions/acknowledge?${new URLSearchParams({ situation: id, state: 'active', operator: 'none' })}`,
            {},
          )
          say(`${count(appended)} given to the recorder.`)
          setTimeout(() => void done(), 2500)
        } catch (error) {
          target.disabled = false
          say(failure(error))
        }
      },
    },
    'Acknowledge all',
  )
