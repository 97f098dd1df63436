/** What a person can do about one alarm, and about those of its situation. */
import { h, replace } from './dom.js'

const shelves = [
  ['60', 'for 1 hour'],
  ['480', 'for 8 hours'],
  ['1440', 'for 1 day'],
  ['10080', 'for 7 days'],
  ['clear', 'until it clears'],
]

/** `actOn(action, body, words, situation)` carries one out; with a situation, of all its alarms that stand. */
export const alarmActions = (actOn) => {
  const root = h('section', { class: 'panel', hidden: true })
  const also = h('input', { type: 'checkbox', 'data-key': 'with-members' })
  const withMembers = h('label', { class: 'soft', hidden: true }, also, ' also for the alarms of its devices that stand')
  let shown
  const act = (action, body, words) => actOn(action, body, words, also.checked && !withMembers.hidden ? shown.situation.id : undefined)
  const note = h('input', {
    'aria-label': 'Reason, comment, name or ticket',
    placeholder: 'Reason, comment, name or ticket',
    maxLength: 500,
  })
  const length = h(
    'select',
    { 'aria-label': 'How long' },
    shelves.map(([value, text]) => h('option', { value }, text)),
  )
  const needs = (run) => () => {
    if (note.value.trim() === '') {
      note.setCustomValidity('Write it down first, for those who read it later.')
      note.reportValidity()
      return
    }
    run(note.value.trim())
    note.value = ''
  }
  note.addEventListener('input', () => note.setCustomValidity(''))
  const button = (text, onclick, more = {}) => h('button', { type: 'button', 'data-key': `act-${text}`, onclick, ...more }, text)
  const first = h('div', { class: 'tools' })
  const second = h('div', { class: 'tools' })
  const shelve = (reason) => {
    const end =
      length.value === 'clear' ? { oneShot: true } : { until: new Date(Date.now() + (Number(length.value) * 60_000 - 1_000)).toISOString() }
    void act('shelve', { reason, ...end }, 'Shelved.')
  }
  root.append(h('h2', {}, 'What you can do'), h('div', { class: 'form actions' }, withMembers, first, note, second))
  const draw = (alarm) => {
    shown = alarm
    root.hidden = alarm.foundLate
    withMembers.hidden = alarm.situation?.role !== 'root'
    const { state } = alarm.operator
    replace(
      first,
      state === 'none'
        ? button('Acknowledge', () => void act('acknowledge', {}, 'Acknowledged.'), { class: 'primary' })
        : button('Take back', () => void act('unacknowledge', {}, 'Taken back.')),
      alarm.shelf.state === 'none' ? undefined : button('Off the shelf', () => void act('unshelve', {}, 'Taken off the shelf.')),
      h('span', { class: 'soft' }, 'What you do stands in its history with your name.'),
    )
    replace(
      second,
      button(
        'Comment',
        needs((text) => void act('comment', { text }, 'Commented.')),
      ),
      button(
        'Assign to',
        needs((to) => void act('assign', { to }, 'Assigned.')),
      ),
      button(
        'Ticket',
        needs((ticket) => void act('assign', { ticket }, 'Ticket noted.')),
      ),
      state === 'closed'
        ? undefined
        : button(
            'Close',
            needs((reason) => void act('close', { reason }, 'Closed.')),
          ),
      alarm.active && alarm.explanation.rule.clearsByItself === false
        ? button(
            'Clear',
            needs((reason) => void act('clear', { reason }, 'Cleared.')),
          )
        : undefined,
      alarm.shelf.state === 'none' ? [button('Shelve', needs(shelve)), length] : undefined,
    )
  }
  return { root, draw }
}
