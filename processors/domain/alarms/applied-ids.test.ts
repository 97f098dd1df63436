import { describe, expect, it } from 'vitest'
import { liveThrough, minuteMs, observeOf, policyOf, startMs, tick } from '../../../test/alarm-fakes.ts'

describe('late', () => {
  const withWatermark = (watermarkMs: number) => observeOf('active', 0, { observedAtMs: startMs, watermarkMs: startMs + watermarkMs })

  it('is what is older than the watermark, not what is as old', () => {
    expect(liveThrough(policyOf(), [withWatermark(0)]).events).toHaveLength(1)
    expect(liveThrough(policyOf(), [withWatermark(1)]).events).toEqual([])
  })

  it('is not what arrives late: an hour that is told afterwards in order is live by the clock of the device', () => {
    const hourAgo = [observeOf('active', 0), observeOf('active', minuteMs)].map((command) => ({
      ...command,
      atMs: command.atMs + 60 * minuteMs,
    }))
    expect(liveThrough(policyOf(), hourAgo).events).toHaveLength(2)
  })

  it('a deadline that a tick let pass makes no reading late', () => {
    const delayed = policyOf({ onDelayMs: minuteMs })
    const { events } = liveThrough(delayed, [observeOf('active', 0), tick(minuteMs), observeOf('active', minuteMs - 1)])
    expect(events.map(({ kind }) => kind)).toEqual(['RaiseDelayStarted', 'AlarmRaised', 'ObservationCounted'])
  })
})

it('an episode whose first reading lies before the clear of the last one begins with that clear', () => {
  const delayed = policyOf({ offDelayMs: minuteMs })
  const cleared = [observeOf('active', 0), observeOf('inactive', 1), tick(2 * minuteMs)]
  const { events } = liveThrough(delayed, [...cleared, observeOf('active', minuteMs, { atMs: startMs + 3 * minuteMs })])
  expect(events.slice(-2)).toMatchObject([
    { kind: 'AlarmCleared', clearedAtMs: startMs + minuteMs + 1 },
    { kind: 'AlarmRaised', observedAtMs: startMs + minuteMs, raisedAtMs: startMs + minuteMs + 1 },
  ])
})
