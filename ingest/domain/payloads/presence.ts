/** `status`, retained and as will: `online`, `offline`, or JSON `{"state":"online","sessionId":"...","reason":"..."}`. */
import { type Draft, refuse } from '../draft.ts'
import { fieldTable, ignoreField, readObject } from '../fields.ts'
import { canonicalKey } from '../keys.ts'
import type { Profile } from '../profile.ts'
import { isObject, toFlag, toWord } from '../values.ts'
import { scalarOf } from './scalar.ts'
import { shown } from '../shown.ts'

const own = new Set(['state', 'status', 'value', 'online', 'sessionid', 'session', 'reason'])
const fields = fieldTable({ [Array.from(own).join(' ')]: ignoreField })

export const status: Profile = {
  json: (draft, value) => {
    if (!isObject(value)) {
      refuse(draft, 'PAYLOAD_SHAPE', 'expected an object with state, got an array')
      return
    }
    readObject(draft, fields, value)
    const told = new Map<string, unknown>()
    for (const key in value) if (own.has(canonicalKey(key))) told.set(canonicalKey(key), value[key])
    const state = told.get('state') ?? told.get('status') ?? told.get('value') ?? told.get('online')
    addPresence(draft, state, toWord(told.get('sessionid') ?? told.get('session')) ?? null, toWord(told.get('reason')) ?? null)
  },
  text: (draft, text) => addPresence(draft, scalarOf(text), null, null),
}

const addPresence = (draft: Draft, value: unknown, sessionId: string | null, reason: string | null): void => {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : ''
  const online = word === 'online' ? true : word === 'offline' ? false : toFlag(value)
  if (online === null) {
    refuse(draft, 'FIELD_INVALID', `expected online or offline, got ${shown(value ?? null)}`)
    return
  }
  draft.bodies.push({ kind: 'Presence', state: online ? 'online' : 'offline', sessionId, reason })
}
