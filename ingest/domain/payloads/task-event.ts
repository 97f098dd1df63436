/** `tasks/<taskId>/event`: the device's word on a remote task. The JSON is kept as it came; the task's history reads it. */
import { refuse } from '../draft.ts'
import { fieldTable } from '../fields.ts'
import type { Profile } from '../profile.ts'
import { isObject } from '../values.ts'
import { shown } from '../shown.ts'

const fields = fieldTable({})
const envelopeKeys = /^(?:ts|timestamp|time|boot_?id|seq|uptime)$/i

export const taskEvent: Profile = {
  json: (draft, value) => {
    if (!isObject(value)) {
      refuse(draft, 'PAYLOAD_SHAPE', 'expected an object, got an array')
      return
    }
    for (const key in value) if (envelopeKeys.test(key)) fields.readerOf(key)(draft, value[key], key)
    draft.bodies.push({ kind: 'TaskEvent', taskId: draft.route.taskId, detail: draft.text })
  },
  text: (draft, text) => refuse(draft, 'PAYLOAD_SHAPE', `expected a JSON object, got "${shown(text)}"`),
}
