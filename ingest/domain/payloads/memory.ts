/**
 * `hardware/memory`: JSON in kB as /proc/meminfo writes them unless `unit` says otherwise, or the text of /proc/meminfo.
 * Stored in bytes. In use is total less available where the kernel tells available (since 3.14), else less free, buffers, cached.
 */
import type { Draft } from '../draft.ts'
import { addMeasurement, refuse } from '../draft.ts'
import { fieldTable, ignoreField, measure, readJson, readObject } from '../fields.ts'
import type { Profile } from '../profile.ts'
import { isObject } from '../values.ts'
import { readScalar, scalarOf } from './scalar.ts'
import { sized, unitFactor } from './sizes.ts'
import { shown } from '../shown.ts'

const state = (name: string) => () => `{"system.memory.state":"${name}"}`
const swap = (name: string) => () => `{"system.paging.state":"${name}"}`
const none = () => ''
const kilobyte = 1024

const fields = fieldTable({
  ...sized('total memtotal', 'system.memory.limit', none),
  ...sized('used memused value', 'system.memory.usage', state('used')),
  ...sized('free memfree', 'system.memory.usage', state('free')),
  ...sized('buffers buffer buffered membuffers', 'system.memory.usage', state('buffers')),
  ...sized('cached cache memcached', 'system.memory.usage', state('cached')),
  ...sized('available avail memavailable', 'system.memory.linux.available', none),
  ...sized('shared shmem', 'system.memory.linux.shared', none),
  ...sized('swaptotal', 'system.paging.limit', none),
  ...sized('swapfree', 'system.paging.usage', swap('free')),
  ...sized('swapused', 'system.paging.usage', swap('used')),
  'utilization usedpercent percent usedpct': measure('system.memory.utilization', '', 0.01),
  unit: ignoreField,
})

export const memory: Profile = {
  mayBeForeign: true,
  json: (draft, value) => {
    const unit = isObject(value) ? value['unit'] : undefined
    const factor = unit === undefined ? kilobyte : unitFactor(unit)
    if (factor === undefined) {
      refuse(draft, 'FIELD_INVALID', `expected unit as B, kB, MB or GB, got ${shown(unit)}`)
      return
    }
    draft.unitScale = factor
    readJson(draft, fields, value)
    if (isObject(value)) derive(draft)
  },
  text: (draft, text) => {
    const lines = meminfo(text)
    if (lines === undefined) {
      readScalar(draft, scalarOf(text), draft.route.prefix, draft.route.prefix)
      return
    }
    draft.unitScale = kilobyte
    readObject(draft, fields, lines)
    derive(draft)
  },
}

/** The lines that have a name of their own; undefined when it is no meminfo. The raw payload keeps the other fifty. */
const meminfo = (text: string): Record<string, number> | undefined => {
  const known = /^(MemTotal|MemFree|MemAvailable|Buffers|Cached|Shmem|SwapTotal|SwapFree):\s+(\d+) kB/gm
  const lines = Object.fromEntries(Array.from(text.matchAll(known), ([, name, kilobytes]) => [name ?? '', Number(kilobytes)]))
  return lines['MemTotal'] === undefined ? undefined : lines
}

const derive = (draft: Draft): void => {
  const read = (metric: string, attributes: string): number | null | undefined =>
    draft.measurements.find((item) => item.metric === metric && (attributes === '' || item.attributes.includes(attributes)))?.value
  const total = read('system.memory.limit', '')
  if (typeof total !== 'number' || total <= 0) return
  const available = read('system.memory.linux.available', '')
  const given = read('system.memory.usage', '"used"')
  const free = read('system.memory.usage', '"free"')
  const reclaimable = (read('system.memory.usage', '"buffers"') ?? 0) + (read('system.memory.usage', '"cached"') ?? 0)
  const used =
    given ?? (typeof available === 'number' ? total - available : typeof free === 'number' ? total - free - reclaimable : undefined)
  if (used === undefined || used < 0 || used > total) return
  if (given === undefined) addMeasurement(draft, 'system.memory.usage', '{"system.memory.state":"used"}', used)
  if (read('system.memory.utilization', '') === undefined) addMeasurement(draft, 'system.memory.utilization', '', used / total)
}
