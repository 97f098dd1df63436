/** Names derived from what they name, the same on every replay: of a stream of alarms, of an episode, of an event in the log. */
import type { AlarmKey, EpisodeRef } from '../../../model/alarm.ts'
import { hash64 } from '../hash.ts'

/** 64 bits: of ten million streams two meet by chance in one of 400,000 installations. */
export const streamIdOf = (tenant: string, { resource, type, qualifier }: AlarmKey): string =>
  `alarm-${tenant}-${hash64([resource, type, qualifier].join('\0')).toString(16).padStart(16, '0')}`

/** `<stream>:<n>`; those found late have a count of their own, `<stream>:L<n>`. */
export const episodeIdOf = (stream: string, { episode, foundLate }: EpisodeRef): string => `${stream}:${foundLate ? 'L' : ''}${episode}`

export const parseEpisodeId = (id: string): ({ stream: string } & EpisodeRef) | null => {
  const match = /^(.+):(L?)([1-9]\d{0,14})$/.exec(id)
  const [, stream, late, episode] = match ?? []
  return stream === undefined ? null : { stream, foundLate: late === 'L', episode: Number(episode) }
}

export const eventIdOf = (stream: string, version: number): string => `${stream}#${version}`
