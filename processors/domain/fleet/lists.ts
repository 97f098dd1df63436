/** Devices that are away, in shards of the whole fleet: one change rewrites one short list. */
import { hash32 } from '../hash.ts'
import type { FleetOverlay } from './fleet-state.ts'

export type ListName = 'bad' | 'away' | 'booted'

export const listShards = 64
/** 128,000 devices together; one beyond is counted in its groups, but gets no verdict of what is raised later. */
export const listedPerShardMax = 2_000

const shardOf = (id: string): string => String(hash32(id) % listShards)

/** False at the bound. */
export const enter = (overlay: FleetOverlay, name: ListName, id: string, atMs: number): boolean => {
  const list = overlay.open(name, shardOf(id), () => ({ kind: 'list', ids: [], atMs: [] }))
  const at = list.ids.indexOf(id)
  if (at >= 0) list.atMs[at] = atMs
  else if (list.ids.length >= listedPerShardMax) return false
  else {
    list.ids.push(id)
    list.atMs.push(atMs)
  }
  return true
}

export const remove = (overlay: FleetOverlay, name: ListName, id: string): void => {
  const list = overlay.look(name, shardOf(id))
  const at = list?.ids.indexOf(id) ?? -1
  if (list === undefined || at < 0) return
  list.ids.splice(at, 1)
  list.atMs.splice(at, 1)
  overlay.keep(name, shardOf(id), list)
}

/** Entered from `sinceMs` on, in the order of their ids: the order of shards is nobody's business. */
export const listed = (overlay: FleetOverlay, name: ListName, sinceMs: number): string[] => {
  const found: string[] = []
  for (let shard = 0; shard < listShards; shard++) {
    const list = overlay.look(name, String(shard))
    if (list === undefined) continue
    for (const [at, id] of list.ids.entries()) if ((list.atMs[at] ?? 0) >= sinceMs) found.push(id)
  }
  return found.sort()
}

/** Forgets what is older. */
export const forgetBefore = (overlay: FleetOverlay, name: ListName, beforeMs: number): void => {
  for (let shard = 0; shard < listShards; shard++) {
    const list = overlay.look(name, String(shard))
    if (list === undefined || list.atMs.every((atMs) => atMs >= beforeMs)) continue
    const kept = list.ids.map((id, at) => ({ id, atMs: list.atMs[at] ?? 0 })).filter(({ atMs }) => atMs >= beforeMs)
    overlay.keep(name, String(shard), { kind: 'list', ids: kept.map(({ id }) => id), atMs: kept.map(({ atMs }) => atMs) })
  }
}
