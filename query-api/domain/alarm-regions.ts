/** Condition, shelf, suppression and stability of an alarm over its events: they outlast an episode and show in the newest. */
import { type AlarmFact, numberOf, textIn, textOf } from './alarm-fact.ts'
import type { AlarmRow } from './alarm-row.ts'

/** What is of the stream and not of an episode: it shows in the row of the newest. */
type Regions = Pick<AlarmRow, 'condition' | 'shelf' | 'shelved_until_ms' | 'suppressed_by' | 'flapping'>
export type Stream = { newest: number; regions: Regions }

export const quiet: Regions = { condition: 'normal', shelf: 'none', shelved_until_ms: null, suppressed_by: [], flapping: 0 }

export const newStream: Stream = { newest: 0, regions: quiet }

export const evolveStream = ({ newest, regions }: Stream, fact: AlarmFact): Stream => ({
  newest: fact.kind === 'AlarmRaised' ? fact.episode : newest,
  regions: { ...regions, ...regionChanges(regions, fact) },
})

const regionChanges = ({ suppressed_by }: Regions, fact: AlarmFact): Partial<Regions> => {
  switch (fact.kind) {
    case 'RaiseDelayStarted':
      return { condition: 'raising' }
    case 'RaiseDelayAbandoned':
    case 'AlarmCleared':
      return { condition: 'normal' }
    case 'AlarmRaised':
    case 'ClearDelayAbandoned':
      return { condition: 'active' }
    case 'ClearDelayStarted':
      return { condition: 'clearing' }
    case 'ConditionUnknown':
      return { condition: 'unknown' }
    case 'ConditionKnown':
      return { condition: textOf(fact, 'is') }
    case 'Shelved': {
      const untilMs = numberOf(fact, 'untilMs')
      return { shelf: untilMs === null ? 'oneShot' : 'timed', shelved_until_ms: untilMs }
    }
    case 'Unshelved':
      return { shelf: 'none', shelved_until_ms: null }
    case 'Suppressed': {
      const by = textIn(fact.detail['suppressor'], 'by')
      return { suppressed_by: [...suppressed_by.filter((other) => other !== by), by] }
    }
    case 'Unsuppressed':
      return { suppressed_by: suppressed_by.filter((other) => other !== textOf(fact, 'by')) }
    case 'FlappingStarted':
      return { flapping: 1 }
    case 'FlappingStopped':
      return { flapping: 0 }
    default:
      return {}
  }
}

/** None in an episode that is not the newest. */
export const shown = (stream: Stream | undefined, { found_late, episode }: AlarmFact): Regions =>
  stream !== undefined && found_late === 0 && episode === stream.newest ? stream.regions : quiet
