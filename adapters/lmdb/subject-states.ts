/** One subject out of the stages' states, in a transaction of the caller: the stage reads states anew for each batch. */
import { Packr } from 'msgpackr'
import type { LogTopic } from '../../model/ports.ts'
import type { Environment } from './environment.ts'
import { shortKey } from './short-key.ts'

/** As `processors/domain/projections` names them, before the subject's id. */
const kinds = ['core', 'counters', 'series', 'facts', 'clock', 'device', 'watched', 'alarms', 'member']
const packr = new Packr({ useRecords: false })

/** Inside a write transaction. Answers how many states it removed or changed. */
export const removeSubjectStates = (environment: Environment, subject: string): number => {
  const own = new Set(kinds.map((kind) => shortKey(`${kind}:${subject}`)))
  let touched = 0
  const removed: StateKey[] = []
  for (const { key, value } of Array.from(environment.states.getRange({}), ({ key, value }) => ({ key, value }))) {
    if (own.has(key[3])) {
      environment.states.removeSync(key)
      removed.push(key)
      touched++
    } else if (key[3].startsWith('online:') || key[3].startsWith('due:')) {
      const state = packr.unpack(value) as { ids?: string[] }
      if (!state.ids?.includes(subject)) continue
      environment.states.putSync(key, packr.pack({ ...state, ids: state.ids.filter((id) => id !== subject) }))
      touched++
    } else if (/^(?:bad|away|booted):/.test(key[3])) {
      // Lists of the fleet stage: a time for each id.
      const state = packr.unpack(value) as { ids: string[]; atMs: number[] }
      const at = state.ids.indexOf(subject)
      if (at < 0) continue
      state.ids.splice(at, 1)
      state.atMs.splice(at, 1)
      environment.states.putSync(key, packr.pack(state))
      touched++
    } else if (key[3].startsWith('output:') && (packr.unpack(value) as { subject?: string }).subject === subject) {
      environment.states.removeSync(key) // What was told of its alarms.
      touched++
    }
  }
  for (const key of removed) rebuildPagesAround(environment, key)
  return touched
}

type StateKey = [string, LogTopic, number, string]

/** More entries than a page of 4 KiB holds, with the longest keys of ours. */
const aroundMax = 128

/**
 * The tree's own pages keep a deleted key as the bound between two of them. It goes when the page that begins with it does: so
 * the entries beside it are taken out and put back. What bounds more than their pages stays, and is told as a remainder.
 */
const rebuildPagesAround = ({ states }: Environment, key: StateKey): void => {
  const after = Array.from(states.getRange({ start: key, limit: aroundMax }))
  const before = Array.from(states.getRange({ start: key, reverse: true, limit: aroundMax }))
  const entries = [...before, ...after].map(({ key: own, value }) => ({ own, value: Buffer.from(value) }))
  for (const { own } of entries) states.removeSync(own)
  for (const { own, value } of entries) states.putSync(own, value)
}

/** Records that some stage has not finished, up to the log's end as of now. */
export const backlogOf = (environment: Environment, ends: ReadonlyMap<string, number>): number => {
  environment.refresh()
  let records = 0
  for (const { key, value } of environment.progress.getRange({})) {
    const [, topic, partition] = key
    records += Math.max(0, (ends.get(`${topic}:${partition}`) ?? 0) - value.next)
  }
  return records
}

export const endsOf = (environment: Environment): Map<string, number> => {
  environment.refresh()
  return new Map(Array.from(environment.bounds.getRange({}), ({ key, value }) => [key.join(':'), value.next]))
}
