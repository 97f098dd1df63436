/**
 * What a device is to the rules: what selectors ask of it, from the inventory and from its own words, and what the rules keep of
 * it between its messages.
 */
import type { DeviceEvent, FactsBody, InventoryChangedBody } from '../../../model/event.ts'
import type { OfflineCause } from '../../../model/fleet-signal.ts'
import type { DeviceProfile } from '../../../model/rule.ts'
import { type DeviceRuleState, initialRuleState } from '../rules/state.ts'
import type { DeviceDoor } from './broker-health.ts'
import type { FleetMark, HeldVerdict } from './fleet-mark.ts'

/** Changes as a whole, never in place. */
export type KnownProfile = Pick<
  DeviceProfile,
  'class' | 'product' | 'model' | 'site' | 'region' | 'firmware' | 'plan' | 'fixed' | 'expectedIntervalMs'
> & { retired: boolean }

export type WatchedState = {
  kind: 'watched'
  profile: KnownProfile
  rules: DeviceRuleState
  /** Newest arrival of its records and of the ticks that met it. */
  nowMs: number
  /** Slot of its newest entry in the due list; 0: none. */
  slot: number
  /** When its alarms have a deadline (`alarms:`); 0: none. */
  alarmDueMs: number
  /** Undefined in states of earlier releases. */
  fleet?: FleetMark
  verdict?: HeldVerdict
  /** Of a bridge; undefined: no bridge brings it, as far as was told. */
  door?: DeviceDoor
  /** While its rule says that it is offline: why, by itself alone, and what was told of that. */
  offline?: { cause: OfflineCause; told: string }
  /** Maintenance windows that hold for it, as `markOf` writes them; left out: none. */
  windows?: string
  /** An alarm of it stands, so a window that begins has something to hold down. */
  stands?: true
}

/** What was never told of a device: it is one of a home. */
const unknownProfile: KnownProfile = {
  class: 'home',
  product: '',
  model: '',
  site: '',
  region: '',
  firmware: '',
  plan: '',
  fixed: false,
  expectedIntervalMs: null,
  retired: false,
}

export const initialWatched = (): WatchedState => ({
  kind: 'watched',
  profile: { ...unknownProfile },
  rules: initialRuleState(),
  nowMs: 0,
  slot: 0,
  alarmDueMs: 0,
})

export const noteInventory = (watched: WatchedState, { fields, retired }: InventoryChangedBody): void => {
  const { profile } = watched
  const seconds = Number(fields['expected_interval_seconds'] ?? '')
  const deviceClass = fields['class']
  const site = fields['site'] ?? ''
  watched.profile = {
    ...profile,
    class: deviceClass === 'critical' || deviceClass === 'business' ? deviceClass : 'home',
    site,
    region: fields['region'] ?? '',
    plan: fields['plan'] ?? '',
    fixed: site !== '' || (fields['latitude'] ?? '') !== '',
    expectedIntervalMs: seconds > 0 ? seconds * 1_000 : null,
    retired,
  }
}

const told = { 'device.product': 'product', 'device.model': 'model', 'firmware.version': 'firmware' } as const

/** Its product and model stand in its topics, its firmware in what it says. */
export const noteOwnWords = (watched: WatchedState, { bodies }: DeviceEvent): void => {
  for (const body of bodies) if (body.kind === 'Facts') noteFacts(watched, body)
}

const noteFacts = (watched: WatchedState, { items }: FactsBody): void => {
  for (const { name, value } of items) {
    if (value === null || !Object.hasOwn(told, name)) continue
    const field = told[name as keyof typeof told]
    if (watched.profile[field] !== value) watched.profile = { ...watched.profile, [field]: value }
  }
}

export const profileOf = (device: string, { retired: _, ...known }: KnownProfile): DeviceProfile => ({
  ...known,
  device,
  groups: [],
  assignedFirmware: '',
})

/** `<product>/<model>/<mac>`; the id alone while the device has not shown them. */
export const resourceOf = (device: string, { product, model }: KnownProfile): string =>
  product === '' && model === '' ? device : `${product}/${model}/${device}`
