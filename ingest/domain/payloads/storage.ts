/**
 * `hardware/storage`: filesystems as an array (`filesystems`, `mounts`, `disks`), as an object by mount point, or one alone.
 * Bytes unless `unit` or a key (`totalKb`) says otherwise. Read-only ones carry the attribute `system.filesystem.mode` `ro`,
 * so that a squashfs root, which is always full, can be left out.
 */
import { attributesOf, mergeAttributes } from '../attributes.ts'
import { addMeasurement, addUnknown, addUnknownKey, type Draft, isReading, refuse } from '../draft.ts'
import { fieldTable, readObject, readUnknown } from '../fields.ts'
import { canonicalKey, snakeKey } from '../keys.ts'
import type { Profile } from '../profile.ts'
import { isObject, toFlag, toNumber, toWord } from '../values.ts'
import { scalarOf } from './scalar.ts'
import { unitFactor } from './sizes.ts'
import { shown } from '../shown.ts'

const fields = fieldTable({})
const containers = new Set(['filesystems', 'filesystem', 'mounts', 'disks', 'partitions', 'storage'])

export const storage: Profile = {
  json: (draft, value) => {
    if (Array.isArray(value)) {
      readList(draft, value, 1)
      return
    }
    if (!isObject(value)) return
    const factor = value['unit'] === undefined ? 1 : unitFactor(value['unit'])
    if (factor === undefined) {
      refuse(draft, 'FIELD_INVALID', `expected unit as B, kB, MB or GB, got ${shown(value['unit'])}`)
      return
    }
    const alone: Record<string, unknown> = {}
    for (const key in value) {
      const part = value[key]
      if (Array.isArray(part) && containers.has(canonicalKey(key))) readList(draft, part, factor)
      else if (isObject(part) && containers.has(canonicalKey(key)))
        for (const mount in part) readFilesystem(draft, part[mount], mount, factor)
      else if (isObject(part)) readFilesystem(draft, part, key, factor)
      else if (fields.readerOf(key) === readUnknown) alone[key] = part
      else readObject(draft, fields, { [key]: part })
    }
    if (Object.keys(alone).length > 0) readFilesystem(draft, alone, '', factor)
  },
  text: (draft, text) => {
    const value = scalarOf(text)
    if (!isReading('system.filesystem.utilization', value)) {
      refuse(draft, 'PAYLOAD_SHAPE', `expected JSON or the percentage in use, got "${shown(text)}"`)
      return
    }
    addMeasurement(draft, 'system.filesystem.utilization', '', value, 0.01)
  },
}

const readList = (draft: Draft, list: readonly unknown[], factor: number): void => {
  for (const [index, item] of list.entries()) readFilesystem(draft, item, String(index), factor)
}

const sizeKey = /^(total|size|limit|used|available|avail|free)(b|bytes|kb|kib|mb|mib|gb|gib)?$/
const percentKey = /^(?:utilization|utilisation|usedpercent|usepercent|percent|usage|value|use)$/

const readFilesystem = (draft: Draft, value: unknown, name: string, factor: number): void => {
  if (!isObject(value)) {
    addUnknown(draft, `${draft.route.prefix}.${snakeKey(name)}`, value)
    return
  }
  let mount = name
  let type: string | null = null
  let readOnly: boolean | null = null
  let percent: unknown
  const sizes: Record<string, unknown> = {}
  for (const key in value) {
    const canonical = canonicalKey(key)
    const part = value[key]
    const [, quantity, suffix] = sizeKey.exec(canonical) ?? []
    if (quantity !== undefined) {
      const number = toNumber(part)
      const scaled = typeof number === 'number' ? number * (suffix === undefined ? factor : (unitFactor(suffix) ?? 1)) : number
      sizes[quantity === 'size' || quantity === 'limit' ? 'total' : quantity === 'avail' ? 'available' : quantity] = scaled
    } else if (percentKey.test(canonical)) percent = part
    else if (canonical === 'mount' || canonical === 'mountpoint' || canonical === 'path') mount = toWord(part) ?? name
    else if (canonical === 'type' || canonical === 'fs' || canonical === 'fstype') type = toWord(part) ?? null
    else if (canonical === 'readonly' || canonical === 'ro') readOnly = toFlag(part)
    else if (canonical === 'writable' || canonical === 'rw') readOnly = toFlag(part) === null ? null : !toFlag(part)
    else if (canonical === 'mode') readOnly = part === 'ro' ? true : part === 'rw' ? false : null
    else if (canonical !== 'unit')
      addUnknownKey(draft, mount === '' ? draft.route.prefix : `${draft.route.prefix}.${snakeKey(mount)}`, key, part)
  }
  const attributes = attributesOf({
    ...(readOnly === null ? {} : { 'system.filesystem.mode': readOnly ? 'ro' : 'rw' }),
    ...(mount === '' ? {} : { 'system.filesystem.mountpoint': mount }),
    ...(type === null ? {} : { 'system.filesystem.type': type }),
  })
  addSizes(draft, attributes, sizes, percent)
}

const used = '{"system.filesystem.state":"used"}'
const free = '{"system.filesystem.state":"free"}'

const addSizes = (draft: Draft, attributes: string, sizes: Record<string, unknown>, percent: unknown): void => {
  const { total, available: told, free: unreserved } = sizes
  const available = told ?? unreserved
  const usedBytes = sizes['used'] ?? (typeof total === 'number' && typeof available === 'number' ? total - available : undefined)
  if (total !== undefined) addMeasurement(draft, 'system.filesystem.limit', attributes, total)
  if (usedBytes !== undefined) addMeasurement(draft, 'system.filesystem.usage', mergeAttributes(attributes, used), usedBytes)
  if (available !== undefined) addMeasurement(draft, 'system.filesystem.usage', mergeAttributes(attributes, free), available)
  if (percent !== undefined) addMeasurement(draft, 'system.filesystem.utilization', attributes, percent, 0.01)
  else if (typeof usedBytes === 'number') {
    // Like df: what is reserved for root counts neither as used nor as free.
    const whole = typeof available === 'number' ? usedBytes + available : typeof total === 'number' ? total : 0
    if (whole > 0) addMeasurement(draft, 'system.filesystem.utilization', attributes, usedBytes / whole)
  }
}
