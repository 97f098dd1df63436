/** Groups and their shares in words. */
import type { GroupKind, OfflineCause } from '../../../model/fleet-signal.ts'

const words: Readonly<Record<GroupKind, string>> = {
  cell: 'cell',
  site: 'site',
  enb: 'eNB',
  tac: 'tracking area',
  region: 'region',
  apn: 'APN',
  operator: 'operator',
  broker: 'broker',
  firmware: 'firmware',
  model: 'model',
  fleet: 'the whole fleet',
}

export const splitKey = (key: string): [GroupKind, string] => {
  const at = key.indexOf('/')
  return [key.slice(0, at) as GroupKind, key.slice(at + 1)]
}

export const groupWords = (key: string): string => {
  const [kind, value] = splitKey(key)
  return kind === 'fleet' ? words.fleet : `${words[kind]} ${value}`
}

/** What a text of evidence can hold: 300 characters. */
const namesMax = 14

/** Who they are; devices that left a cell have no alarm of their own to be found by. */
export const namesOf = (devices: readonly string[]): string => {
  const rest = devices.length - namesMax
  return `${[...devices].sort().slice(0, namesMax).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

export const percent = (share: number): string => {
  const hundredths = share * 100
  return `${hundredths >= 10 || hundredths === 0 ? Math.round(hundredths) : Math.round(hundredths * 10) / 10} %`
}

export const minutesOf = (ms: number): string => `${Math.round(ms / 6_000) / 10} min`

/** What all of a group's members being offline says of the cause. A dark site may be its power or its line: boots tell. */
export const causeOf = (kind: GroupKind): OfflineCause => {
  switch (kind) {
    case 'cell':
    case 'enb':
    case 'tac':
    case 'apn':
    case 'operator':
      return 'cell-or-sim'
    case 'broker':
      return 'broker'
    case 'firmware':
    case 'model':
      return 'firmware'
    case 'site':
    case 'region':
    case 'fleet':
      return 'unknown'
  }
}
