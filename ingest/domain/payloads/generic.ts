/**
 * Topics without a profile of their own: numbers become measurements and words facts, named by topic and path.
 * `{"rpm":1200,"mode":"auto"}` on `hardware/fan` -> `hardware.fan.rpm`, `hardware.fan.mode`. SenML is recognised.
 */
import { addUnknown } from '../draft.ts'
import { fieldTable, readJson } from '../fields.ts'
import type { Profile } from '../profile.ts'
import { readScalar, scalarOf } from './scalar.ts'

const fields = fieldTable({
  value: (draft, value) => addUnknown(draft, draft.route.prefix, value),
})

export const generic: Profile = {
  mayBeForeign: true,
  json: (draft, value) => readJson(draft, fields, value),
  text: (draft, text) => readScalar(draft, scalarOf(text), draft.route.prefix, draft.route.prefix),
}
