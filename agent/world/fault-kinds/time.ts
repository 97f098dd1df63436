/** Wrong clocks, and messages that come late, twice or in another order. */
import { parseDuration, duration, flag, integer, number, type Read, required, share, withDefault } from '../strict-reader.ts'
import { during, kind } from './kind.ts'

/** May be negative: a clock that is behind. */
const signedDuration: Read<number> = (value, path, problems) => {
  const ms = typeof value === 'string' ? parseDuration(value) : undefined
  if (ms === undefined) problems.push(`${path}: expected a duration like 3h or -90s, got ${JSON.stringify(value)}`)
  return ms ?? 0
}

export const timeKinds = {
  clock_unset: kind({
    does: 'No battery: after each boot it is 1970 until NTP answers. The fault begins with a reboot; `never` keeps NTP away to the end.',
    lasts: 'span',
    expects: ['(device.clock-skew)', '(device.reboot-unexpected)'],
    with: { never: withDefault(flag, false) },
    steps: ({ fromMs, toMs }, { never }) => [
      { atMs: fromMs, action: { do: 'clock-unset', on: true, never } },
      { atMs: fromMs + 1, action: { do: 'reboot', reason: 'power' } },
      { atMs: toMs, action: { do: 'clock-unset', on: false, never } },
    ],
  }),
  clock_drift: kind({
    does: 'The clock runs wrong by so many millionths (positive: fast) and jumps back to right at the end.',
    lasts: 'span',
    expects: ['device.clock-skew once over 60 s'],
    with: { per_million: required(number(-100_000, 100_000)) },
    steps: ({ id, fromMs, toMs }, { per_million }) => [
      { atMs: fromMs, action: { do: 'clock', key: id, driftPerMillion: per_million, on: true } },
      { atMs: toMs, action: { do: 'clock', key: id, on: false } },
    ],
  }),
  clock_offset: kind({
    does: 'The clock is off by so much: hours ahead, an hour by a wrong time zone, or behind (negative). One step in, one step out.',
    lasts: 'span',
    expects: ['device.clock-skew'],
    with: { by: required(signedDuration) },
    steps: ({ id, fromMs, toMs }, { by }) => [
      { atMs: fromMs, action: { do: 'clock', key: id, aheadMs: by, on: true } },
      { atMs: toMs, action: { do: 'clock', key: id, on: false } },
    ],
  }),
  late_upload: kind({
    does: 'The device samples on, sends nothing, and uploads all at the end with original ts and seq; shuffled or partly twice if you say so.',
    lasts: 'span',
    expects: ['(presence.offline) unless connected'],
    with: { connected: withDefault(flag, false), shuffled: withDefault(flag, false), duplicates: withDefault(share, 0) },
    steps: ({ fromMs, toMs }, { connected, shuffled, duplicates }) => {
      const hold = { do: 'hold', connected, shuffle: shuffled, duplicateShare: duplicates } as const
      return [
        { atMs: fromMs, action: { ...hold, on: true } },
        { atMs: toMs, action: { ...hold, on: false } },
      ]
    },
  }),
  duplicates: kind({
    does: 'A share of the messages is sent again, byte for byte, up to `within` later.',
    lasts: 'span',
    expects: [],
    with: { share: withDefault(share, 0.1), within: withDefault(duration(1), 30_000) },
    steps: (context, { share: duplicateShare, within }) => during(context, { duplicateShare, duplicateWithinMs: within }),
  }),
  shuffled: kind({
    does: 'Messages leave in groups, in another order inside each.',
    lasts: 'span',
    expects: [],
    with: { group: withDefault(integer(2, 1000), 8) },
    steps: (context, { group }) => during(context, { shuffleGroup: group }),
  }),
} as const
