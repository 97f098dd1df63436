/** The alarms of one device: those that stood at the moment, and those of the range. */
import { alarmRow } from './alarm-row.js'
import { get } from './api.js'
import { h, replace } from './dom.js'
import { age, count, currentZone, exactTime } from './format.js'

export const deviceAlarmsPart = (id) => {
  const title = h('h2', {}, 'Alarms')
  const place = h('div', {})
  const said = h('p', { class: 'notice error', hidden: true, role: 'alert' })
  const root = h('section', { class: 'panel' }, title, said, place)
  let asked
  const refresh = async (range = asked) => {
    asked = range
    const { items, nextCursor } = await get('alarms', {
      device: id,
      state: 'all',
      from: new Date(range.fromMs).toISOString(),
      to: range.live ? undefined : new Date(range.toMs + 1).toISOString(),
      tz: currentZone(),
      limit: 50,
    })
    const shown = items.filter(({ retracted }) => !retracted)
    const standing = shown.filter(({ active }) => active).length
    replace(
      title,
      'Alarms',
      h(
        'small',
        {},
        `${count(standing)} stand now, ${count(shown.length - standing)} in the range are over${nextCursor === null ? '' : '; the newest 50'}`,
      ),
    )
    replace(
      place,
      shown.length === 0
        ? h('p', { class: 'empty' }, 'None in this range.')
        : h(
            'table',
            { class: 'alarms of-device' },
            h(
              'tbody',
              {},
              shown.map((alarm) => alarmRow(alarm, { ofDevice: true, done: () => refresh(), say })),
            ),
          ),
    )
  }
  const say = (text) => {
    said.hidden = false
    said.textContent = text
  }
  return { root, refresh }
}

/** Of the state at a moment: marks beside the name of the device. */
export const alarmsThenMarks = ({ alarms }) =>
  alarms.map((alarm) =>
    h(
      'a',
      {
        class: `tag severity-tag ${alarm.severity}`,
        href: `#/alarm/${encodeURIComponent(alarm.id)}`,
        title: `${alarm.severity} since ${exactTime(alarm.raisedAt)}. ${alarm.text}`,
        'data-key': `alarm-${alarm.id}`,
      },
      `${alarm.title ?? alarm.type}, ${age(alarm.ageSeconds)}`,
    ),
  )
