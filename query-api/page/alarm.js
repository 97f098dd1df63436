/** One alarm: why it is there in words, the evidence with its messages, what happened to it, and what a person can do about it. */
import { alarmActions } from './alarm-actions.js'
import { alarmTags, severityMark, subjectWords } from './alarm-row.js'
import { failure, get, post } from './api.js'
import { explainer } from './device-explain.js'
import { h, replace } from './dom.js'
import { age, count, currentZone, dateTime, exactTime, time, zoneShort } from './format.js'
import { asKnownAt, deviceHref, knownAtBanner, knownAtButton, knownAtOf } from './known-at.js'

export const alarmView = ({ root, id, params, noteComplete }) => {
  const knownAt = knownAtOf(params)
  const head = h('div', {})
  const explained = h('div', { class: 'stack' })
  const history = h('div', {})
  const said = h('p', { class: 'notice', role: 'status', hidden: true })
  const say = (text, bad = false) => {
    said.hidden = text === ''
    said.className = bad ? 'notice error' : 'notice'
    said.textContent = text
  }
  let messages
  const act = async (action, body, words, situation) => {
    const many = situation === undefined ? '' : new URLSearchParams({ situation, state: 'active' })
    try {
      await post(many === '' ? `alarms/${encodeURIComponent(id)}/${action}` : `alarms/actions/${action}?${many}`, body)
      say(`${words} Given to the recorder; its history shows it in a moment.`)
      setTimeout(() => void refresh().then(() => say('')), 2500)
    } catch (error) {
      say(failure(error), true)
    }
  }
  const actions = alarmActions(act)
  const side = knownAt === undefined ? [actions.root, history] : [history]
  root.append(
    ...[knownAtBanner(knownAt)].filter(Boolean),
    head,
    said,
    h('div', { class: 'columns' }, explained, h('div', { class: 'stack' }, side)),
  )

  let before = ''
  const refresh = async () => {
    const alarm = await get(`alarms/${encodeURIComponent(id)}`, { tz: currentZone(), knownAt })
    noteComplete(alarm.completeThrough)
    document.title = `${alarm.title ?? alarm.type} · Fleet Recorder`
    replace(head, header(alarm, knownAt))
    actions.draw(alarm)
    const now = JSON.stringify([alarm.explanation, alarm.history])
    if (now === before) return
    before = now
    if (alarm.deviceId !== null) messages ??= explainer(alarm.deviceId, {})
    replace(explained, whyPanel(alarm), evidencePanel(alarm, messages), rulePanel(alarm))
    replace(history, historyPanel(alarm))
  }
  return { refresh, knownAt, leave: () => messages?.leave() }
}

const header = (alarm, knownAt) => {
  const nowMs = knownAt === undefined ? Date.now() : Date.parse(knownAt)
  const seconds = ((alarm.active || alarm.clearedAt === null ? nowMs : Date.parse(alarm.clearedAt)) - Date.parse(alarm.raisedAt)) / 1000
  return [
    h(
      'div',
      { class: 'device-head' },
      severityMark(alarm),
      h('h1', {}, alarm.title ?? alarm.type, alarm.qualifier === '' ? '' : ` (${alarm.qualifier})`),
      alarmTags(alarm, knownAt),
      knownAtButton(knownAt),
    ),
    h(
      'div',
      { class: 'identity' },
      h(
        'span',
        {},
        'on ',
        alarm.deviceId === null
          ? h('b', {}, subjectWords(alarm.subject))
          : h('a', { href: deviceHref(alarm.deviceId, knownAt) }, alarm.name ?? alarm.deviceId),
      ),
      alarm.site === null
        ? undefined
        : h(
            'span',
            {},
            'site ',
            h('a', { href: asKnownAt(`#/alarms?site=${encodeURIComponent(alarm.site.id)}`, knownAt) }, alarm.site.name ?? alarm.site.id),
          ),
      alarm.deviceId === null ? undefined : h('span', {}, 'class ', h('b', {}, alarm.class)),
      h('span', { title: exactTime(alarm.raisedAt) }, 'raised ', h('b', {}, dateTime(alarm.raisedAt))),
      alarm.clearedAt === null
        ? h('span', {}, alarm.active ? 'stands for ' : 'stood ', h('b', {}, age(seconds)))
        : h('span', { title: exactTime(alarm.clearedAt) }, 'cleared ', h('b', {}, dateTime(alarm.clearedAt)), ` after ${age(seconds)}`),
      alarm.deviceId === null
        ? undefined
        : h('a', { href: `#/device/${alarm.deviceId}?at=${encodeURIComponent(alarm.raisedAt)}` }, 'the device at that moment'),
    ),
  ]
}

const whyPanel = ({ explanation }) =>
  h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Why', h('small', {}, `times in ${zoneShort()}`)),
    h(
      'div',
      { class: 'statement why-words' },
      explanation.words.map((sentence, index) => h('p', { class: index === 0 ? 'first' : '' }, sentence)),
      explanation.rule.runbookUrl === null
        ? undefined
        : h('p', {}, h('a', { href: explanation.rule.runbookUrl, target: '_blank', rel: 'noreferrer' }, 'What to do: the runbook')),
    ),
  )

const evidencePanel = ({ explanation, subject }, messages) => {
  const { evidence } = explanation
  if (evidence === null) return undefined
  const from = `${evidence.partition}:${evidence.firstOffset}`
  const to = `${evidence.partition}:${evidence.lastOffset}`
  return h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Evidence', h('small', {}, `${evidence.topic} ${from}${to === from ? '' : ` to ${to}`}`)),
    h(
      'table',
      { class: 'small-table evidence' },
      h(
        'tbody',
        {},
        // The sentence stands above, as the first of why.
        evidence.values
          .filter(({ name }) => name !== 'group.reason')
          .map((value) =>
            h(
              'tr',
              {},
              h('th', { scope: 'row' }, value.name),
              h('td', { class: 'number' }, value.text),
              h('td', { class: 'soft nowrap', title: exactTime(value.observedAt) }, time(value.observedAt)),
            ),
          ),
        [
          ['level to raise', evidence.raiseText],
          ['level to clear', evidence.clearText],
        ].map(([label, level]) =>
          level === null ? undefined : h('tr', {}, h('th', { scope: 'row' }, label), h('td', { class: 'number' }, level), h('td', {})),
        ),
      ),
    ),
    explanation.messages.length === 0 || messages === undefined
      ? h(
          'p',
          { class: 'foot' },
          subject.startsWith('group/')
            ? 'Counted over the whole group. The alarms of its devices have their messages.'
            : 'Its messages are no longer kept, or are of the recorder itself.',
        )
      : h(
          'details',
          { 'data-key': 'messages' },
          h(
            'summary',
            {},
            `${count(explanation.messages.length)} ${explanation.messages.length === 1 ? 'message' : 'messages'} of the device between those places`,
          ),
          h(
            'ul',
            { class: 'places' },
            explanation.messages.map((message) =>
              h(
                'li',
                {},
                h(
                  'button',
                  {
                    type: 'button',
                    class: 'link mono',
                    onclick: () => messages.explain({ title: `message ${message.place}`, of: 'message', message: message.place }),
                  },
                  message.place,
                ),
                h('span', { class: 'soft nowrap', title: exactTime(message.receivedAt) }, time(message.receivedAt)),
                h('span', { class: 'mono' }, message.topic || message.outcome),
              ),
            ),
          ),
        ),
  )
}

const rulePanel = ({ explanation, rule }) => {
  const told = explanation.rule
  return h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Rule', h('small', {}, `${rule.id}, version ${rule.version}${told.inForce === null ? ', no longer loaded' : ''}`)),
    told.inForce === null
      ? undefined
      : h(
          'dl',
          { class: 'pairs rule' },
          told.runbookUrl === null ? pair('described in', h('span', { class: 'mono' }, told.runbook)) : undefined,
          told.dependsOn.length === 0 ? undefined : pair('explained by', told.dependsOn.join(', ')),
        ),
  )
}
const pair = (label, value) => h('div', {}, h('dt', {}, label), h('dd', {}, value))

const historyPanel = ({ history, historyCut }) =>
  h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'History', h('small', {}, 'newest first')),
    h(
      'ol',
      { class: 'timeline alarm-history' },
      [...history]
        .reverse()
        .map((event) =>
          h(
            'li',
            {},
            h('span', { class: 'at', title: `so at ${exactTime(event.observedAt)}; known ${exactTime(event.at)}` }, time(event.at)),
            h(
              'span',
              { class: 'message' },
              event.text,
              Math.abs(Date.parse(event.at) - Date.parse(event.observedAt)) > 120_000
                ? h('span', { class: 'tag', title: 'By the device’s time' }, `so at ${time(event.observedAt)}`)
                : undefined,
            ),
          ),
        ),
    ),
    historyCut ? h('p', { class: 'foot' }, 'Only the newest thousand events are shown.') : undefined,
  )
