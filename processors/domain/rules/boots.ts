/** A boot shows itself by a new id before it tells its reason, which is waited for; a repeat of it is none. */
import { hash32 } from '../hash.ts'
import { wordFits } from './compile.ts'
import { happen } from './events.ts'
import { restartSlopes } from './levels.ts'
import type { Run } from './outcome.ts'
import { bootsRememberedMax, type DeviceRuleState } from './state.ts'

/** So long its reason is waited for. */
const bootReasonWaitMs = 60_000

export type BootInput = {
  bootId: string
  told: boolean
  reason: string | null
  taskId: string | null
  atMs: number
  /** By the uptime, where the event tells it; left out: `atMs`. */
  beganAtMs?: number
}

export const readBoot = (run: Run, { bootId, told, reason, taskId, atMs, beganAtMs = atMs }: BootInput): void => {
  const { state, context } = run
  // Whichever message of the new boot comes first: what it explains must not depend on that.
  if (beganAtMs > state.lastBootMs) state.lastBootMs = beganAtMs
  const id = bootId === '' ? 0 : hash32(bootId)
  const waits = state.pendingBoot !== null && (state.pendingBoot.id === id || id === 0)
  if (!told) {
    if (id !== 0 && state.boots.includes(id)) return
    if (state.pendingBoot === null)
      state.pendingBoot = { id, atMs, dueMs: context.nowMs + bootReasonWaitMs, partition: context.partition, offset: context.offset }
    remember(state, id)
    return
  }
  if (waits) state.pendingBoot = null
  else if (id !== 0 && state.boots.includes(id)) return
  remember(state, id)
  boot(run, reason, taskId, atMs)
}

const remember = ({ boots }: DeviceRuleState, id: number): void => {
  if (id === 0) return
  boots.push(id)
  if (boots.length > bootsRememberedMax) boots.shift()
}

export const boot = (run: Run, reason: string | null, taskId: string | null, atMs: number): void => {
  const { context } = run
  restartSlopes(run, atMs)
  for (const { rule, matcher, role } of context.rules.boots) {
    const word = reason ?? 'unknown'
    if (matcher.reasons !== null && !wordFits(word, matcher.reasons, null)) continue
    if (matcher.exceptReasons.length > 0 && !wordFits(word, null, matcher.exceptReasons)) continue
    if (matcher.planned !== null && matcher.planned !== (taskId !== null && taskId !== '')) continue
    happen(run, rule, matcher, role, '', { atMs, item: 0, tag: 0, name: 'boot', value: word, byArrival: false })
  }
}
