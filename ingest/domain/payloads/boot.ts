/** `system/boot`: said once per boot, `{"bootId":"...","reason":"watchdog","uptimeBefore":86400,"taskId":"..."}`. */
import { refuse } from '../draft.ts'
import { fieldTable, ignoreField, readObject } from '../fields.ts'
import { canonicalKey } from '../keys.ts'
import type { Profile } from '../profile.ts'
import { isObject, toNumber, toWord } from '../values.ts'
import { shown } from '../shown.ts'

const fields = fieldTable({ 'reason bootreason cause uptimebefore uptimebeforeseconds previousuptime taskid task': ignoreField })
const at = (value: Record<string, unknown>, ...spellings: string[]): unknown => {
  for (const key in value) if (spellings.includes(canonicalKey(key))) return value[key]
  return undefined
}

export const boot: Profile = {
  json: (draft, value) => {
    if (!isObject(value)) {
      refuse(draft, 'PAYLOAD_SHAPE', 'expected an object with bootId, got an array')
      return
    }
    readObject(draft, fields, value)
    if (draft.bootId === null) {
      refuse(draft, 'FIELD_INVALID', 'expected bootId, got none; which boot this is cannot be told')
      return
    }
    const before = toNumber(at(value, 'uptimebefore', 'uptimebeforeseconds', 'previousuptime'))
    draft.bodies.push({
      kind: 'Boot',
      bootId: draft.bootId,
      reason: toWord(at(value, 'reason', 'bootreason', 'cause')) ?? null,
      uptimeBeforeSeconds: typeof before === 'number' && before >= 0 ? before : null,
      taskId: toWord(at(value, 'taskid', 'task')) ?? null,
    })
  },
  text: (draft, text) => refuse(draft, 'PAYLOAD_SHAPE', `expected JSON with bootId, got "${shown(text)}"`),
}
