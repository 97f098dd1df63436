/**
 * OpenWrt's `ubus call`: `system info` (loads with 16 bits behind the point, memory in bytes, root and tmp in KiB, `localtime`
 * that is local time written as if it were UTC and so no time at all), `system board`, `network.device status` and
 * `network.interface dump` (`interfaces.ts`).
 */
import { attributesOf } from '../attributes.ts'
import { addFact, addMeasurement, addUnknownKey, type Draft, refuse } from '../draft.ts'
import { fieldTable, readUnknown } from '../fields.ts'
import type { Profile } from '../profile.ts'
import { isObject, toNumber } from '../values.ts'
import { interfaces, readInterface } from './interfaces.ts'

export const ubus: Profile = {
  json: (draft, value) => {
    if (!isObject(value)) {
      refuse(draft, 'PAYLOAD_SHAPE', "expected ubus's JSON, one object")
      return
    }
    if (Array.isArray(value['load']) || ('memory' in value && 'uptime' in value)) readSystemInfo(draft, value)
    else if ('board_name' in value || isObject(value['release'])) readBoard(draft, value)
    else if (isObject(value['statistics'])) readInterface(draft, draft.route.path.at(-1) ?? 'device', value)
    else interfaces.json(draft, value)
  },
  text: (draft) => refuse(draft, 'PAYLOAD_SHAPE', 'expected JSON: ubus call ...'),
}

const envelope = fieldTable({})
const loads = ['system.cpu.load_average.1m', 'system.cpu.load_average.5m', 'system.cpu.load_average.15m'] as const

const readSystemInfo = (draft: Draft, info: Record<string, unknown>): void => {
  for (const key in info) {
    const value = info[key]
    switch (key) {
      case 'localtime':
        break
      case 'load':
        readLoads(draft, value)
        break
      case 'memory':
        if (isObject(value)) readMemory(draft, value)
        break
      case 'swap':
        if (isObject(value)) readSwap(draft, value)
        break
      case 'root':
      case 'tmp':
        if (isObject(value)) readFilesystem(draft, key === 'root' ? '/' : '/tmp', value)
        break
      default: {
        const reader = envelope.readerOf(key)
        if (reader === readUnknown) addUnknownKey(draft, 'system.info', key, value)
        else reader(draft, value, key)
      }
    }
  }
}

/** sysinfo(2): fixed point, SI_LOAD_SHIFT 16. 22272 is 0.34. */
const readLoads = (draft: Draft, value: unknown): void => {
  if (!Array.isArray(value)) return
  for (const [place, metric] of loads.entries()) {
    const fixed = value[place] === undefined ? undefined : toNumber(value[place])
    if (fixed !== undefined) addMeasurement(draft, metric, '', fixed === null ? null : Math.round((fixed / 65_536) * 100) / 100)
  }
}

const states = { free: 'free', buffered: 'buffers', cached: 'cached' } as const

const readMemory = (draft: Draft, memory: Record<string, unknown>): void => {
  const number = (key: string): number | undefined => {
    const value = key in memory ? toNumber(memory[key]) : undefined
    return typeof value === 'number' ? value : undefined
  }
  const state = (name: string): string => attributesOf({ 'system.memory.state': name })
  for (const key in memory) {
    if (key === 'total') addMeasurement(draft, 'system.memory.limit', '', memory[key])
    else if (key === 'available') addMeasurement(draft, 'system.memory.linux.available', '', memory[key])
    else if (key === 'shared') addMeasurement(draft, 'system.memory.linux.shared', '', memory[key])
    else if (Object.hasOwn(states, key))
      addMeasurement(draft, 'system.memory.usage', state(states[key as keyof typeof states]), memory[key])
    else addUnknownKey(draft, 'system.info.memory', key, memory[key])
  }
  const [total, available, free, buffered, cached] = [
    number('total'),
    number('available'),
    number('free'),
    number('buffered'),
    number('cached'),
  ]
  // Old versions tell neither available nor cached: what is in use is then unknown, for the cache would count as used.
  const spare = available ?? (free !== undefined && cached !== undefined ? free + (buffered ?? 0) + cached : undefined)
  if (total === undefined || total <= 0 || spare === undefined || spare > total) return
  addMeasurement(draft, 'system.memory.usage', state('used'), total - spare)
  addMeasurement(draft, 'system.memory.utilization', '', (total - spare) / total)
}

const readSwap = (draft: Draft, swap: Record<string, unknown>): void => {
  for (const key in swap) {
    if (key === 'total') addMeasurement(draft, 'system.paging.limit', '', swap[key])
    else addMeasurement(draft, 'system.paging.usage', attributesOf({ 'system.paging.state': key.slice(0, 100) }), swap[key], 1, key)
  }
}

/** KiB. `root` is the writable overlay, `tmp` lies in memory. */
const readFilesystem = (draft: Draft, mount: string, sizes: Record<string, unknown>): void => {
  const attributes = (state: string): string =>
    attributesOf({ 'system.filesystem.mountpoint': mount, ...(state === '' ? {} : { 'system.filesystem.state': state }) })
  const { total, used, avail, free } = sizes
  const available = avail ?? free
  if (total !== undefined) addMeasurement(draft, 'system.filesystem.limit', attributes(''), total, 1024)
  if (used !== undefined) addMeasurement(draft, 'system.filesystem.usage', attributes('used'), used, 1024)
  if (available !== undefined) addMeasurement(draft, 'system.filesystem.usage', attributes('free'), available, 1024)
  if (typeof used === 'number' && typeof available === 'number' && used + available > 0)
    addMeasurement(draft, 'system.filesystem.utilization', attributes(''), used / (used + available))
}

const boardFacts: Readonly<Record<string, string>> = {
  kernel: 'device.kernel',
  hostname: 'device.hostname',
  system: 'device.processor',
  model: 'device.model_name',
  board_name: 'device.hardware',
}
const releaseFacts: Readonly<Record<string, string>> = {
  description: 'device.os',
  version: 'firmware.version',
  revision: 'firmware.build',
}

const readBoard = (draft: Draft, board: Record<string, unknown>): void => {
  for (const key in board) {
    const value = board[key]
    const name = Object.hasOwn(boardFacts, key) ? boardFacts[key] : undefined
    if (name !== undefined) addFact(draft, name, value)
    else if (key === 'release' && isObject(value)) readRelease(draft, value)
    else addUnknownKey(draft, 'system.board', key, value)
  }
}

const readRelease = (draft: Draft, release: Record<string, unknown>): void => {
  for (const key in release) {
    const name = Object.hasOwn(releaseFacts, key) ? releaseFacts[key] : undefined
    if (name === undefined) addUnknownKey(draft, 'system.board.release', key, release[key])
    else addFact(draft, name, release[key])
  }
}
