/**
 * A payload profile: how the payloads of one kind of topic are read. JSON comes as a value, everything else as text. Each
 * profile is a file in `payloads/`; it fills the draft and never throws.
 */
import type { Draft } from './draft.ts'

export type Profile = {
  json: (draft: Draft, value: unknown) => void
  text: (draft: Draft, text: string) => void
  /** Log texts may begin with `[`, and a garbled byte in one must not cost the lines around it. */
  isLog?: true
  /** Payloads of a vendor's own form (mmcli, Quectel, ubus, ...) are read by its profile instead. */
  mayBeForeign?: true
}
