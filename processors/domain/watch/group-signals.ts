/**
 * What the fleet stage has to know of a device, and nothing else: it goes or comes back, changes a group, boots, leaves its usual
 * cell or returns to it, is taken out. Said when it changes, so that a reading tells nothing; with each tick the partition's time.
 * Before: `watch-device.ts`.  After: the log topic `fleet-signals`, `processors/domain/fleet`.
 */
import type { DeviceEvent, FactsBody, RadioBody } from '../../../model/event.ts'
import type { Absence, BrokerSignal, DeviceSignal, FleetSignal, Groups, SignalBody } from '../../../model/fleet-signal.ts'
import type { SilenceCondition } from '../../../model/rule.ts'
import { isUsuallyAway } from '../rules/absence.ts'
import type { RuleInput } from '../rules/evaluate.ts'
import type { RuleContext } from '../rules/outcome.ts'
import { streamKey, type Usual } from '../rules/state.ts'
import { isMostUsual, newUsual, noteUsual, shareOf } from '../rules/usual.ts'
import type { Place } from '../projection.ts'
import type { FleetMark, PartitionTold } from './fleet-mark.ts'
import type { HealthState } from './ingest-health.ts'
import type { RulesInForce } from './rules-in-force.ts'
import type { WatchedState } from './watched.ts'

/** Where a record's signals go. */
export type SignalSink = { tenant: string; place: Place; atMs: number; signals: FleetSignal[] }

/** A usual cell is given up no sooner than this after the device left it: a cell that is off the air is missed all day. */
export const homeKeptMs = 24 * 3_600_000
/** One that is elsewhere for most of its time roams: no cell is missed by its leaving. */
export const homeShareLeast = 0.5
/** Front doors tick every 5 s each; what several of them say at once is forwarded once. */
const forwardEveryMs = 4_000

export const initialMark = (): FleetMark => ({
  cell: '',
  enb: '',
  tac: '',
  plmn: '',
  apn: '',
  radioMs: 0,
  usual: null,
  home: '',
  awaySinceMs: 0,
  isAbsent: false,
  told: '',
})

/** What the record says of the device's groups. Late words move nothing. */
export const noteGroups = (mark: FleetMark, { bodies }: DeviceEvent, observedAtMs: number): void => {
  for (const body of bodies) {
    if (body.kind === 'Radio') noteRadio(mark, body, observedAtMs)
    else if (body.kind === 'Facts') noteFacts(mark, body)
  }
}

const noteRadio = (mark: FleetMark, { plmn, tac, cellId, enbId }: RadioBody, observedAtMs: number): void => {
  if (cellId === null || observedAtMs < mark.radioMs) return
  mark.radioMs = observedAtMs
  if (plmn !== null) mark.plmn = plmn
  const network = mark.plmn === '' ? '?' : mark.plmn
  mark.cell = `${network}-${cellId}`
  mark.enb = enbId === null ? '' : `${network}-${enbId}`
  mark.tac = tac === null ? '' : `${network}-${tac}`
  noteHome(mark, [mark.cell, mark.enb, mark.tac].join('\n'), observedAtMs)
}

const noteFacts = (mark: FleetMark, { items }: FactsBody): void => {
  for (const { name, value } of items) {
    if (value === null) continue
    if (name === 'modem.plmn') mark.plmn = value
    else if (name === 'modem.apn' || name === 'wan.apn') mark.apn = value
  }
}

const noteHome = (mark: FleetMark, serving: string, atMs: number): void => {
  mark.usual ??= newUsual()
  noteUsual(mark.usual, serving, atMs)
  if (mark.home === '') mark.home = serving
  const isAway = serving !== mark.home
  // Looked at when it goes and when it comes: while its cell is off the air, others hold it, and that says nothing.
  if (isAway === (mark.awaySinceMs === 0)) noteRoaming(mark, mark.usual)
  if (!isAway) mark.awaySinceMs = 0
  else if (mark.awaySinceMs === 0) mark.awaySinceMs = atMs
  else if (atMs - mark.awaySinceMs >= homeKeptMs && isMostUsual(mark.usual, serving)) {
    mark.home = serving
    mark.awaySinceMs = 0
    noteRoaming(mark, mark.usual)
  }
}

const noteRoaming = (mark: FleetMark, usual: Usual): void => {
  if (usual.words.length > 1 && shareOf(usual, mark.home) < homeShareLeast) mark.roams = true
  else delete mark.roams
}

/**
 * Tells the device when it has changed. `inputs`: what the record said to the rules. Answers nothing: signals go to the sink,
 * what was told is kept in the mark. Whoever went within a maintenance window and is not back at its end is told anew: from then on
 * it counts.
 */
export const tellDevice = (
  sink: SignalSink,
  told: PartitionTold,
  watched: WatchedState,
  context: RuleContext,
  inputs: readonly RuleInput[],
): void => {
  const mark = (watched.fleet ??= initialMark())
  const isAbsent = isAway(watched, context)
  const boot = inputs.length > 1 ? bootIn(inputs) : null
  const isPlanned = isAbsent && watched.windows !== undefined && (!mark.isAbsent || mark.isPlanned === true)
  if (isAbsent === mark.isAbsent && isPlanned === (mark.isPlanned === true) && boot === null && isSame(mark, watched)) return
  const counted = mark.told !== '' && !mark.told.endsWith('retired') && !mark.isAbsent
  told.online = Math.max(0, told.online + Number(!watched.profile.retired && !isAbsent) - Number(counted))
  mark.isAbsent = isAbsent
  if (isPlanned) mark.isPlanned = true
  else delete mark.isPlanned
  mark.told = signature(mark, watched)
  const { rules, profile } = watched
  const absence: Absence | null = isAbsent
    ? {
        sinceMs: rules.goneMs > 0 ? rules.goneMs : rules.lastArrivalMs,
        by: rules.goneMs > 0 ? 'will' : 'silence',
        usual: isUsuallyAway(rules, context.nowMs),
        planned: isPlanned,
      }
    : null
  pushSignal(sink, {
    kind: 'device',
    device: context.profile.device,
    class: profile.class,
    groups: groupsOf(mark, watched),
    absence,
    home: mark.home === '' || mark.roams === true ? null : homeOf(mark.home),
    awaySinceMs: mark.awaySinceMs === 0 || mark.roams === true ? null : mark.awaySinceMs,
    boot,
    retired: profile.retired,
  })
}

/** Gone by its will as soon as that says something, else when its silence is told. */
const isAway = ({ rules }: WatchedState, { healthySinceMs, rules: compiled }: RuleContext): boolean => {
  const { silence } = compiled
  if (silence === null) return false
  if (rules.goneMs === 0) return rules.streams[streamKey(silence.id, '')]?.told === 'active'
  // Right after a front door has come back, a will may be of the session before it: the alarm's own delay is waited for.
  const { willDelayMs } = silence.condition as SilenceCondition
  const isSettled = healthySinceMs !== null && rules.goneMs - healthySinceMs >= willDelayMs
  return isSettled || rules.streams[streamKey(silence.id, '')]?.told === 'active'
}

const bootIn = (inputs: readonly RuleInput[]): DeviceSignal['boot'] => {
  for (const input of inputs) if (input.kind === 'boot') return { atMs: input.atMs, reason: input.reason }
  return null
}

/** Compared field by field: nearly every record of a radio tells the same cell. */
const isSame = (mark: FleetMark, watched: WatchedState): boolean => mark.told !== '' && mark.told === signature(mark, watched)

const signature = ({ cell, enb, tac, plmn, apn, home, awaySinceMs, roams }: FleetMark, { profile, door }: WatchedState): string =>
  `${door === undefined ? '' : `${door.broker}|`}${cell}|${enb}|${tac}|${plmn}|${apn}|${roams === true ? '' : `${home}|${awaySinceMs}`}|${profile.class}|${profile.site}|${profile.region}|${profile.firmware}|${profile.product}/${profile.model}|${profile.retired ? 'retired' : ''}`

const groupsOf = ({ cell, enb, tac, plmn, apn }: FleetMark, { profile, door }: WatchedState): Groups => {
  const { site, region, firmware, product, model } = profile
  const all = {
    cell,
    enb,
    tac,
    apn,
    operator: plmn,
    site,
    region,
    firmware: firmware === '' ? '' : `${product}/${model}/${firmware}`,
    model: model === '' ? '' : `${product}/${model}`,
    broker: door?.broker ?? '',
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
}

const homeOf = (home: string): Groups => {
  const [cell = '', enb = '', tac = ''] = home.split('\n')
  return { cell, ...(enb === '' ? {} : { enb }), ...(tac === '' ? {} : { tac }) }
}

/** With a tick: the partition's time, and the rules of groups when they have changed. */
export const tellTime = (sink: SignalSink, told: PartitionTold, health: HealthState, rules: RulesInForce): void => {
  const { sinceMs } = health
  if (sink.place.partition === 0 && rules.stored !== null && told.rules !== rules.stored.version) {
    told.rules = rules.stored.version
    const ofGroups = (rules.book?.ruleSet.rules ?? []).filter(({ scope, enabled }) => scope !== 'device' && enabled)
    pushSignal(sink, { kind: 'rules', version: rules.stored.version, rules: [...ofGroups] })
  }
  if (sinceMs !== null && sinceMs !== told.healthySinceMs) {
    told.starts = told.healthySinceMs === 0 ? 1 : 2
    told.healthySinceMs = sinceMs
    told.isHealthy = false // Told at once.
  }
  const isHealthy = sinceMs !== null
  if (isHealthy === told.isHealthy && Math.abs(sink.atMs - told.forwardedMs) < forwardEveryMs) return
  told.forwardedMs = sink.atMs
  told.isHealthy = isHealthy
  const brokers = brokersOf(health)
  pushSignal(sink, {
    kind: 'time',
    online: told.online,
    healthySinceMs: sinceMs,
    isResumed: told.starts > 1,
    ...(brokers === null ? {} : { brokers }),
  })
}

/** Null where there is the embedded one alone. */
const brokersOf = ({ brokers = {} }: HealthState): BrokerSignal[] | null => {
  const names = Object.keys(brokers).sort()
  if (names.every((name) => name === '')) return null
  return names.map((broker) => ({ broker, healthySinceMs: brokers[broker]?.sinceMs ?? null, fault: brokers[broker]?.away?.fault ?? '' }))
}

export const initialTold = (): PartitionTold => ({ online: 0, forwardedMs: 0, rules: '', healthySinceMs: 0, starts: 0, isHealthy: false })

/** The signals of one record are counted. */
export const pushSignal = ({ tenant, place, atMs, signals }: SignalSink, body: SignalBody): void => {
  const before = signals.at(-1)?.source
  const item = before?.offset === place.offset ? before.item + 1 : 0
  signals.push({ tenant, atMs, source: { partition: place.partition, offset: place.offset, item }, body })
}
