/**
 * What a set of rules would have told, counted: raises and pages by rule, device class, hour and day. Pages are those of the
 * notification projection itself, so what is held down, flaps or is a symptom pages nobody here either. Pure.
 * Before: the run of the past (`what-if-worker.ts`).  After: `what-if-report.ts`.
 */
import type { AlarmRecord } from '../model/alarm-event.ts'
import type { DeviceClass } from '../model/alarm.ts'
import {
  afterEvent,
  afterTick,
  initialNotificationState,
  type Notification,
  type NotificationState,
  type NotifyPolicy,
  situationSettleMsDefault,
} from '../processors/domain/alarms/notification-view.ts'

/** Who an alarm is about, at that time. */
export type AlarmOwner = { device: string; model: string; class: DeviceClass | 'group' | 'platform'; notifies: boolean }

export type Counted = { raises: number; pages: number }
export type RuleCount = Counted & { devices: number; clearedAlone: number; foundLate: number; flapped: number }

/** Plain data: workers send it, `addTallies` puts theirs together. */
export type Tally = {
  all: Counted
  rules: Record<string, RuleCount>
  classes: Record<string, Counted>
  /** UTC, 24 of each. */
  hours: Counted[]
  /** Pages by UTC day. */
  days: Record<string, number>
  devices: Record<string, Counted & { rule: string }>
}

export type TallyOptions = {
  /** Only what comes in this time counts; what comes before is learned from. */
  fromMs: number
  toMs: number
  /** Null: it does not count. */
  fits: (owner: AlarmOwner) => boolean
}

type Stream = { policy: NotifyPolicy; state: NotificationState; owner: AlarmOwner; type: string }

/** As the stage told it with the raise; before one, nobody is told anything. */
export const ownerOf = ({ subject, audience }: AlarmRecord): AlarmOwner => ({
  device: subject,
  model: audience?.model ?? '',
  class: audience?.class ?? 'home',
  notifies: audience?.notifies ?? false,
})

const dayMs = 86_400_000
const hourMs = 3_600_000
/** Devices of which one worker tells: enough for any ten, and for the share that the noisiest have. */
const devicesToldMax = 200

export const emptyTally = (): Tally => ({
  all: { raises: 0, pages: 0 },
  rules: {},
  classes: {},
  hours: Array.from({ length: 24 }, () => ({ raises: 0, pages: 0 })),
  days: {},
  devices: {},
})

export const createTally = ({ fromMs, toMs, fits }: TallyOptions) => {
  const tally = emptyTally()
  const streams = new Map<string, Stream>()
  const devicesOfRule = new Map<string, Set<string>>()
  const rulesOfDevice = new Map<string, Map<string, Counted>>()
  const counts = (atMs: number): boolean => atMs >= fromMs && atMs < toMs

  const count = (type: string, { device, class: deviceClass }: AlarmOwner, atMs: number, what: keyof Counted): void => {
    const hour = tally.hours[Math.floor((atMs % dayMs) / hourMs)]
    const own = rulesOfDevice.get(device) ?? new Map<string, Counted>()
    rulesOfDevice.set(device, own)
    const ofDevice = own.get(type) ?? { raises: 0, pages: 0 }
    own.set(type, ofDevice)
    for (const one of [tally.all, ruleOf(type), (tally.classes[deviceClass] ??= { raises: 0, pages: 0 }), hour, ofDevice])
      if (one !== undefined) one[what]++
    if (what === 'pages') {
      const day = new Date(atMs).toISOString().slice(0, 10)
      tally.days[day] = (tally.days[day] ?? 0) + 1
      return
    }
    const devices = devicesOfRule.get(type) ?? new Set<string>()
    devicesOfRule.set(type, devices.add(device))
  }

  const ruleOf = (type: string): RuleCount =>
    (tally.rules[type] ??= { raises: 0, pages: 0, devices: 0, clearedAlone: 0, foundLate: 0, flapped: 0 })

  const take = (stream: Stream, told: { state: NotificationState; notifications: readonly Notification[] }): void => {
    stream.state = told.state
    for (const { kind, pages, atMs } of told.notifications)
      if (pages && kind !== 'clear' && counts(atMs) && fits(stream.owner)) count(stream.type, stream.owner, atMs, 'pages')
  }

  /** A raise that had waited long enough was told then, not when its stream was heard of next. */
  const passTime = (stream: Stream, atMs: number): void => {
    const dueMs = stream.state.waitsUntilMs
    if (dueMs !== null && dueMs <= atMs) take(stream, afterTick(stream.policy, stream.state, dueMs))
  }

  return {
    add: (record: AlarmRecord): void => {
      const { event, key } = record
      let stream = streams.get(record.stream)
      if (stream === undefined || event.kind === 'AlarmRaised') {
        const owner = ownerOf(record)
        const policy = { class: owner.class, notifies: owner.notifies, situationSettleMs: situationSettleMsDefault }
        stream = { policy, state: stream?.state ?? initialNotificationState, owner, type: key.type }
        streams.set(record.stream, stream)
      }
      passTime(stream, event.atMs)
      take(stream, afterEvent(stream.policy, stream.state, event))
      if (!counts(event.atMs) || !fits(stream.owner)) return
      if (event.kind === 'AlarmRaised') count(key.type, stream.owner, event.atMs, 'raises')
      if (event.kind === 'RaiseDelayAbandoned') ruleOf(key.type).clearedAlone++
      if (event.kind === 'EpisodeFoundLate') ruleOf(key.type).foundLate++
      if (event.kind === 'FlappingStarted') ruleOf(key.type).flapped++
    },
    /** The past has been run up to this time. */
    close: (atMs: number): Tally => {
      for (const stream of streams.values()) passTime(stream, atMs)
      for (const [type, devices] of devicesOfRule) ruleOf(type).devices = devices.size
      tally.devices = noisiest(rulesOfDevice)
      return tally
    },
  }
}

const noisiest = (rulesOfDevice: ReadonlyMap<string, ReadonlyMap<string, Counted>>): Tally['devices'] => {
  const all = [...rulesOfDevice].map(([device, rules]) => {
    const [worst] = [...rules].sort(([, one], [, other]) => other.raises - one.raises)
    const sum = { raises: 0, pages: 0, rule: worst?.[0] ?? '' }
    for (const { raises, pages } of rules.values()) {
      sum.raises += raises
      sum.pages += pages
    }
    return [device, sum] as const
  })
  return Object.fromEntries(all.sort(([, one], [, other]) => other.raises - one.raises).slice(0, devicesToldMax))
}

/** Each device is one worker's. */
export const addTallies = (tallies: readonly Tally[]): Tally => {
  const sum = emptyTally()
  const add = (to: Counted, { raises, pages }: Counted): void => {
    to.raises += raises
    to.pages += pages
  }
  for (const tally of tallies) {
    add(sum.all, tally.all)
    for (const [hour, own] of tally.hours.entries()) add(sum.hours[hour] ?? { raises: 0, pages: 0 }, own)
    for (const [name, own] of Object.entries(tally.classes)) add((sum.classes[name] ??= { raises: 0, pages: 0 }), own)
    for (const [day, pages] of Object.entries(tally.days)) sum.days[day] = (sum.days[day] ?? 0) + pages
    Object.assign(sum.devices, tally.devices)
    for (const [type, own] of Object.entries(tally.rules)) {
      const to = (sum.rules[type] ??= { raises: 0, pages: 0, devices: 0, clearedAlone: 0, foundLate: 0, flapped: 0 })
      add(to, own)
      to.devices += own.devices
      to.clearedAlone += own.clearedAlone
      to.foundLate += own.foundLate
      to.flapped += own.flapped
    }
  }
  return sum
}
