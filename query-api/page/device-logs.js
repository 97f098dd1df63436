/** Log lines of one device up to the moment looked at: by text and severity, newest first. */
import { get } from './api.js'
import { debounce, h, replace } from './dom.js'
import { count, exactTime, time } from './format.js'

const severities = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug']
const short = ['EMERG', 'ALERT', 'CRIT', 'ERROR', 'WARN', 'NOTICE', 'INFO', 'DEBUG']
const pageSize = 200

export const logsPart = (id) => {
  let range
  let lines = []
  let nextCursor = null
  let extended = false
  const text = h('input', {
    type: 'search',
    placeholder: 'Text in the message',
    'aria-label': 'Search log lines',
    oninput: debounce(250, () => restart()),
  })
  const severity = h(
    'select',
    { 'aria-label': 'Severity', onchange: () => restart() },
    h('option', { value: '' }, 'any severity'),
    severities.slice(0, 7).map((name, i) => h('option', { value: String(i) }, i === 0 ? name : `${name} or worse`)),
  )
  const list = h('ol', { class: 'lines', tabIndex: 0, 'aria-label': 'Log lines' })
  const foot = h('div', { class: 'foot' })
  const root = h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Log lines', h('small', {}, 'newest first')),
    h('div', { class: 'tools log-tools' }, text, severity),
    list,
    foot,
  )

  const ask = (cursor) =>
    get(`devices/${id}/logs`, {
      from: new Date(range.fromMs).toISOString(),
      // A live list also shows what a clock slightly ahead has written.
      to: range.live ? undefined : new Date(range.toMs + 1).toISOString(),
      text: text.value,
      severity: severity.value,
      knownAt: range.knownAt,
      limit: pageSize,
      cursor,
    })

  const show = () => {
    replace(list, lines.map(line))
    replace(
      foot,
      lines.length === 0 ? 'No lines in this range.' : `${count(lines.length)} lines`,
      nextCursor === null
        ? undefined
        : h(
            'button',
            {
              type: 'button',
              'data-key': 'older',
              onclick: async () => {
                const more = await ask(nextCursor)
                extended = true
                lines = [...lines, ...more.items]
                nextCursor = more.nextCursor
                show()
              },
            },
            'Older',
          ),
      extended ? h('button', { type: 'button', onclick: () => restart() }, 'Follow again') : undefined,
    )
  }

  const refresh = async (next) => {
    range = next
    // Someone reads older lines: do not move them away.
    if (extended) return
    const answer = await ask(undefined)
    const same =
      lines.length === answer.items.length &&
      lines[0]?.observedAt === answer.items[0]?.observedAt &&
      lines[0]?.message === answer.items[0]?.message
    lines = answer.items
    nextCursor = answer.nextCursor
    if (!same || lines.length === 0) show()
  }
  const restart = () => {
    extended = false
    lines = []
    if (range !== undefined) void refresh(range)
  }
  return { root, refresh }
}

const line = ({ observedAt, severity, program, source, message, cut }) =>
  h(
    'li',
    { class: severity === null ? '' : severity <= 3 ? 'severe' : severity === 4 ? 'warning' : '' },
    h('time', { class: 'at', dateTime: observedAt, title: exactTime(observedAt) }, time(observedAt)),
    h('span', { class: 'level' }, severity === null ? '' : short[severity]),
    h('span', { class: 'program' }, program ?? source),
    h('span', { class: 'message' }, message, cut ? h('span', { class: 'tag' }, 'cut') : undefined),
  )
