/** An alarm in a list: its marks, its words, since when, and the action that is asked for most. */
import { failure, post } from './api.js'
import { h } from './dom.js'
import { age, exactTime, time } from './format.js'
import { asKnownAt, deviceHref } from './known-at.js'

/** The severity as a word with a mark; of one that is over, softer. */
export const severityMark = ({ severity, active }) =>
  h(
    'span',
    { class: `severity ${active ? severity : 'over'}` },
    h('span', { class: `severity-dot ${active ? severity : 'none'}` }),
    severity,
  )

/** Ids of maintenance windows have no colon. */
const isAlarmId = (id) => id.includes(':')

/** What a reader must know beside the severity. */
export const alarmTags = (alarm, knownAt) => {
  const { operator, shelf, condition, active, flapping, suppressedBy, situation, foundLate, retracted } = alarm
  const tag = (text, title, kind = 'tag') => h('span', { class: kind, title }, text)
  return [
    active ? undefined : retracted ? tag('never was', 'What came late shows that it never was', 'tag warn') : tag('cleared'),
    active && condition === 'unknown' ? tag('unknown', 'Nothing can be told of it now', 'tag warn') : undefined,
    active && condition === 'clearing' ? tag('well again', 'It clears unless it comes back') : undefined,
    operator.state === 'ack' ? tag(`ack ${operator.actor ?? ''}`.trim()) : undefined,
    operator.state === 'closed' ? tag(`closed ${operator.actor ?? ''}`.trim()) : undefined,
    operator.assignee === null ? undefined : tag(`for ${operator.assignee}`),
    operator.ticket === null ? undefined : tag(operator.ticket),
    operator.comments === 0 ? undefined : tag(`${operator.comments} ${operator.comments === 1 ? 'comment' : 'comments'}`),
    shelf.state === 'none' ? undefined : tag('shelved', shelf.until === null ? 'until it clears' : `until ${exactTime(shelf.until)}`),
    flapping ? tag('flaps', 'It notifies nobody until that is over', 'tag warn') : undefined,
    suppressedBy.some(isAlarmId) ? tag('explained by another', suppressedBy.filter(isAlarmId).join(', ')) : undefined,
    suppressedBy
      .filter((id) => !isAlarmId(id))
      .map((id) => h('a', { class: 'tag', title: `Maintenance window ${id}`, href: '#/maintenance' }, 'maintenance')),
    situation === null
      ? undefined
      : h(
          'a',
          { class: 'tag', title: situation.id, href: asKnownAt(`#/alarms?situation=${encodeURIComponent(situation.id)}`, knownAt) },
          situation.role === 'root' ? 'root of a situation' : 'part of a situation',
        ),
    alarm.cause === null || alarm.cause === undefined ? undefined : tag(`cause: ${causeWords(alarm.cause)}`, 'Why it is offline'),
    foundLate ? tag('found late', 'Data that came late showed it; nobody was told') : undefined,
  ]
}

const sinceCell = ({ raisedAt, clearedAt, active }, nowMs) => {
  const seconds = ((active || clearedAt === null ? nowMs : Date.parse(clearedAt)) - Date.parse(raisedAt)) / 1000
  return h(
    'td',
    { class: 'since', title: `${exactTime(raisedAt)}${clearedAt === null ? '' : ` to ${exactTime(clearedAt)}`}` },
    h('b', {}, age(seconds)),
    h('span', { class: 'soft' }, `${active ? 'since' : 'from'} ${time(raisedAt)}`),
  )
}

const causes = { 'cell-or-sim': 'cell or SIM', 'site-power': 'power of the site', 'usual-night-off': 'usually off at this hour' }
/** Why a device is offline, as a person says it. */
export const causeWords = (cause) => causes[cause] ?? cause

const groupKinds = { enb: 'eNB', tac: 'tracking area', apn: 'APN' }
/** `group/apn/internet` is the APN internet; `platform/ingest` the recorder itself. */
export const subjectWords = (subject) => {
  const [root, kind, ...value] = subject.split('/')
  if (root === 'platform') return 'the recorder'
  return root === 'group' ? `${groupKinds[kind] ?? kind} ${value.join('/')}` : subject
}

/** Also of the device page, where the device itself is left out. `knownAt`: as it was then, when nothing can be done about it. */
export const alarmRow = (alarm, { only, done, say, ofDevice = false, knownAt }) =>
  h(
    'tr',
    { class: alarm.active ? '' : 'over' },
    h('td', { class: 'severity-cell' }, severityMark(alarm)),
    h(
      'td',
      { class: 'what-cell' },
      h(
        'a',
        { href: asKnownAt(`#/alarm/${encodeURIComponent(alarm.id)}`, knownAt), 'data-key': alarm.id },
        alarm.title ?? alarm.type,
        alarm.qualifier === '' ? '' : ` (${alarm.qualifier})`,
      ),
      ' ',
      alarmTags(alarm, knownAt),
      h('span', { class: 'reason' }, alarm.text),
      only === undefined
        ? undefined
        : h(
            'button',
            { type: 'button', class: 'link small type', title: 'Only alarms of this type', onclick: () => only(alarm.type) },
            alarm.type,
          ),
    ),
    ofDevice
      ? undefined
      : h(
          'td',
          { class: 'device-cell' },
          alarm.deviceId === null
            ? subjectWords(alarm.subject)
            : h('a', { href: deviceHref(alarm.deviceId, knownAt) }, alarm.name ?? alarm.deviceId),
          alarm.site === null ? undefined : h('span', { class: 'soft' }, alarm.site.name ?? alarm.site.id),
        ),
    sinceCell(alarm, knownAt === undefined ? Date.now() : Date.parse(knownAt)),
    h('td', { class: 'act-cell' }, knownAt === undefined ? acknowledgeButton(alarm, done, say) : undefined),
  )

const acknowledgeButton = (alarm, done, say) =>
  !alarm.active || alarm.operator.state !== 'none'
    ? undefined
    : h(
        'button',
        {
          type: 'button',
          'data-key': `ack-${alarm.id}`,
          onclick: async ({ target }) => {
            target.disabled = true
            try {
              await post(`alarms/${encodeURIComponent(alarm.id)}/acknowledge`, {})
              target.textContent = 'Given'
              // The stage carries it out within a second or two.
              setTimeout(() => void done(), 2500)
            } catch (error) {
              target.disabled = false
              say(failure(error))
            }
          },
        },
        'Acknowledge',
      )
