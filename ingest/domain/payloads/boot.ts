/** `system/boot`: said once per boot, `{"bootId":"...","reason":"watchdog","uptimeBefore":86400,"taskId":"..."}`. */
import { refuse } from '../draft.ts'
import { fieldTable, ignoreField, readObject } from '../fields.ts'
import { canonicalKey } from '../keys.ts'
import type { Profile } from '../profile.ts'
import { isObject, toNumber, toWord } from '../values.ts'

const fields = fieldTable({ 'reason bootreason cause uptimebefore uptimebeforeseconds previousuptime taskid task': ignoreField })
const at = (value: Record<string, unknown>, ...spellings: string[]): unknown => {
  for (const key in value) if (spellings.includes(canonicalKey(key))) return value[key]
  return undefined
}

export const boot: Profile = {
  json: (draft, value) => {
    if (!isObject(value)) return refuse(draft, 'PAYLOAD_SHAPE', 'expected an object with bootId, got an array')
    readObject(draft, fields, value)
    if (draft.bootId === null) return refuse(draft, 'FIELD_INVALID', 'expected bootId, got none; which boot this is cannot be told')
    const before = toNumber(at(value, 'uptimebefore', 'uptimebeforeseconds', 'previousuptime'))
    draft.bodies.push({
      kind: 'Boot',
      bootId: draft.bootId,
      reason: toWord(at(value, 'reason', 'bootreason', 'cause')) ?? null,
      uptimeBeforeSeconds: typeof before === 'number' && before >= 0 ? before : null,
      taskId: toWord(at(value, 'taskid', 'task')) ?? null,
    })
  },
  text: (draft, text) => refuse(draft, 'PAYLOAD_SHAPE', `expected JSON with bootId, got "${text.slice(0, 60)}"`),
}
