/** A field for a moment, in the zone that is chosen in the head. */
import { h } from './dom.js'
import { currentZone, fromInput, toInput } from './format.js'

/** `change` is given RFC 3339, only of what can be read. */
export const timeInput = (iso, label, change) => {
  const input = h('input', {
    type: 'text',
    class: 'when',
    inputMode: 'numeric',
    value: toInput(Date.parse(iso)),
    'aria-label': `${label} as YYYY-MM-DD hh:mm:ss, in ${currentZone()}`,
    title: `YYYY-MM-DD hh:mm:ss, in ${currentZone()}`,
    oninput: () => input.setCustomValidity(''),
    onchange: () => {
      const ms = fromInput(input.value)
      if (ms !== undefined) change(new Date(ms).toISOString())
      else {
        input.setCustomValidity('Expected YYYY-MM-DD hh:mm:ss')
        input.reportValidity()
      }
    },
  })
  return input
}
