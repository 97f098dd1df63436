/**
 * The recorder's own surroundings, as each program of the processors tells them: room on its disks (rule 63), how near its
 * reading of the log is to what the log throws away (65), and rows that the warehouse refuses (66). Judged at each telling; what
 * an instance is told of ends when it is silent and another one speaks: it was replaced, and nobody else would end it.
 * Before: `processors/recorder-watch.ts`, by way of `fleet-signals`.
 */
import type { DiskReading, RecorderSignal } from '../../../model/fleet-signal.ts'
import type { Rule } from '../../../model/rule.ts'
import type { RecorderState } from './fleet-state.ts'
import { valuesNow } from './fleet-alarms.ts'
import { minutesOf, percent } from './group-words.ts'
import { isTroubleTold, tellTrouble, type Trouble, troublesTold } from './platform-alarm.ts'
import { type FleetTurn, parameterOf, ruleOf } from './turn.ts'

const diskRule = 'platform.disk'
const lagRule = 'platform.lag-near-retention'
const refusedRule = 'platform.sink-refused'
export const recorderRules: readonly string[] = [diskRule, lagRule, refusedRule]

export const recordersMax = 64
export const disksPerRecorderMax = 16
/** Two days: growth by the hour of one day would be the night's. */
export const diskReadingsMax = 49
const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** Less of the past says nothing about a week. */
const growthSpanLeastMs = 6 * hourMs
export const recorderSilentMs = 10 * 60_000

export const applyRecorder = (turn: FleetTurn, signal: RecorderSignal): void => {
  const known = turn.state.recorders?.[signal.instance]
  if (known !== undefined) known.heardMs = turn.atMs
  endSilent(turn) // First, so that those that are gone make room.
  const own = recorderOf(turn, signal.instance)
  if (own === undefined) return
  for (const disk of signal.disks) noteDisk(own, disk, turn.atMs)
  const [disk, lag, refused] = recorderRules.map((id) => ruleOf(turn, id))
  if (disk !== undefined) for (const reading of signal.disks) judgeDisk(turn, disk, own, signal.instance, reading)
  if (lag !== undefined) judgeLag(turn, lag, signal)
  judgeRefused(turn, refused, own, signal)
}

const recorderOf = (turn: FleetTurn, instance: string): RecorderState | undefined => {
  const recorders = (turn.state.recorders ??= {})
  const known = recorders[instance]
  if (known !== undefined) return known
  if (Object.keys(recorders).length >= recordersMax) {
    turn.onLimit('fleet-recorders')
    return undefined
  }
  return (recorders[instance] = { heardMs: turn.atMs, disks: {}, acceptedSinceMs: turn.atMs })
}

/** Machines come and go: one that was replaced says nothing any more, and its disk is nobody's trouble. */
const endSilent = (turn: FleetTurn): void => {
  const recorders = turn.state.recorders ?? {}
  for (const [instance, { heardMs }] of Object.entries(recorders)) {
    if (turn.atMs - heardMs < recorderSilentMs) continue
    for (const id of recorderRules) {
      const rule = ruleOf(turn, id)
      if (rule === undefined) continue
      for (const qualifier of troublesTold(turn, id))
        if (qualifier === instance || qualifier.startsWith(`${instance} `))
          tellTrouble(turn, rule, qualifier, null, `nothing is heard of ${instance} any more`)
    }
    Reflect.deleteProperty(recorders, instance)
  }
}

// --------------------------------------------------------------------------------------------------------------- disk

const noteDisk = ({ disks }: RecorderState, { disk, freeBytes }: DiskReading, atMs: number): void => {
  if (disks[disk] === undefined && Object.keys(disks).length >= disksPerRecorderMax) return
  const readings = (disks[disk] ??= [])
  const newest = readings.at(-1)
  const before = readings.at(-2)
  if (newest !== undefined && before !== undefined && atMs - before.atMs <= hourMs) readings.pop() // The newest stands for its hour until it is over.
  readings.push({ atMs, freeBytes })
  if (readings.length > diskReadingsMax) readings.shift()
}

/** Bytes a day by which the room has shrunk, over up to two days; null: it has not, or it is not known long enough. */
const growthOf = (readings: RecorderState['disks'][string]): number | null => {
  const [oldest, newest] = [readings[0], readings.at(-1)]
  if (oldest === undefined || newest === undefined || newest.atMs - oldest.atMs < growthSpanLeastMs) return null
  const bytesPerDay = ((oldest.freeBytes - newest.freeBytes) / (newest.atMs - oldest.atMs)) * dayMs
  return bytesPerDay > 0 ? bytesPerDay : null
}

const judgeDisk = (turn: FleetTurn, rule: Rule, own: RecorderState, instance: string, reading: DiskReading): void => {
  const { disk, freeBytes, lowWaterBytes } = reading
  const qualifier = `${instance} ${disk}`
  const growthBytesPerDay = growthOf(own.disks[disk] ?? [])
  const days = parameterOf(rule, 'daysLeft', 7)
  // It has to double before it is over: data that is deleted and written anew moves it up and down.
  const factor = isTroubleTold(turn, rule.id, qualifier) ? parameterOf(rule, 'clearFactor', 2) : 1
  const daysLeft = growthBytesPerDay === null ? null : freeBytes / growthBytesPerDay
  const isLow = freeBytes < lowWaterBytes * factor
  const isSoon = daysLeft !== null && daysLeft < days * factor
  const words = `${gigabytes(freeBytes)} are free on ${disk} of ${instance}`
  const trouble: Trouble | null =
    isLow || isSoon
      ? {
          text: isLow ? `${words}, below the low-water mark of ${gigabytes(lowWaterBytes)}` : `${words}: ${daysWords(daysLeft)} at its present growth`,
          severity: freeBytes < lowWaterBytes ? 'critical' : rule.severity,
          cause: '',
          values: [
            valuesNow(turn)('system.filesystem.free', freeBytes, 'By'),
            ...(growthBytesPerDay === null ? [] : [valuesNow(turn)('system.filesystem.growth', Math.round(growthBytesPerDay), 'By/d')]),
          ],
        }
      : null
  tellTrouble(turn, rule, qualifier, trouble, words)
} // biome-ignore format: texts stay on one line

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
const daysWords = (days: number | null): string => `room for ${(days ?? 0).toFixed(1)} days`

// ---------------------------------------------------------------------------------------------------------------- lag

const judgeLag = (turn: FleetTurn, rule: Rule, { instance, readers, logRetentionMs }: RecorderSignal): void => {
  for (const { group, lagMs } of readers) {
    const qualifier = `${instance} ${group}`
    const share = logRetentionMs > 0 ? lagMs / logRetentionMs : 0
    const isTold = isTroubleTold(turn, rule.id, qualifier)
    const isNear = share > parameterOf(rule, 'shareAbove', 0.5) || (isTold && share >= parameterOf(rule, 'clearBelowShare', 0.2))
    const words = `${group} of ${instance} is ${minutesOf(lagMs)} behind, ${percent(share)} of what the log keeps`
    const trouble: Trouble = { text: words, severity: rule.severity, cause: '', values: [valuesNow(turn)('recorder.lag', lagMs, 'ms')] }
    tellTrouble(turn, rule, qualifier, isNear ? trouble : null, words)
  }
}

// ------------------------------------------------------------------------------------------------------------ refused

const judgeRefused = (turn: FleetTurn, rule: Rule | undefined, own: RecorderState, { instance, refused }: RecorderSignal): void => {
  if (refused.length > 0) own.acceptedSinceMs = 0
  else own.acceptedSinceMs ||= turn.atMs
  if (rule === undefined) return
  const [oldest] = [...refused].sort((one, other) => one.sinceMs - other.sinceMs)
  const heldMs = oldest === undefined ? 0 : turn.atMs - oldest.sinceMs
  if (oldest !== undefined && heldMs > parameterOf(rule, 'raiseAfterMs', 120_000)) {
    const more = refused.length === 1 ? '' : ` and ${refused.length - 1} more`
    const where = `${oldest.stage}, partition ${oldest.partition}${more}`
    const text = `the warehouse has taken no rows of ${where} of ${instance} for ${minutesOf(heldMs)}: ${oldest.why}`
    tellTrouble(
      turn,
      rule,
      instance,
      { text, severity: rule.severity, cause: '', values: [valuesNow(turn)('recorder.held', heldMs, 'ms')] },
      '',
    )
  } else if (own.acceptedSinceMs > 0 && turn.atMs - own.acceptedSinceMs >= parameterOf(rule, 'clearAfterMs', 60_000))
    tellTrouble(turn, rule, instance, null, `the warehouse takes the rows of ${instance} again`)
}
