/**
 * The newest episodes of a device's alarms as rows that may change still: the one that stands, and some that are over, since
 * late samples and operators reach back to them. Stored without names that follow from the stream and without defaults.
 */
import type { AlarmKey, Evidence } from '../../../model/alarm.ts'
import type { EpisodeRow } from '../alarms/episodes.ts'
import { episodeIdOf } from '../alarms/stream-id.ts'

/** Of one stream, and of one device: with evidence about 500 bytes each. */
export const episodesPerStreamMax = 4
export const episodesPerDeviceMax = 16

export type KeptEpisode = { row: EpisodeRow; evidence: Evidence | null }

type Short = Omit<EpisodeRow, 'id' | 'stream' | 'key'>
export type PackedEpisode = Partial<Short> & Pick<Short, 'episode' | 'amended' | 'detectedAtMs' | 'version'> & { evidence?: Evidence }

const usual: Omit<Short, 'episode' | 'amended' | 'firstKnown' | 'detectedAtMs' | 'version' | 'severityMax'> = {
  foundLate: false,
  retracted: false,
  amendments: 0,
  amendedReason: null,
  clearCause: null,
  firstAcknowledgedAtMs: null,
  operator: 'none',
  operatorActor: null,
  closedReason: null,
  assignee: null,
  ticket: null,
  comments: 0,
  situation: null,
  role: null,
  unknown: false,
  unknownMs: 0,
  unknownSinceMs: null,
  occurrences: 1,
  escalations: 0,
  ruleVersion: 1,
  purged: false,
}

export const packEpisode = ({ row, evidence }: KeptEpisode): PackedEpisode => {
  const { id: _id, stream: _stream, key: _key, amended, firstKnown, severityMax, ...others } = row
  const packed: Record<string, unknown> = { amended }
  for (const [name, value] of Object.entries(others)) if (usual[name as keyof typeof usual] !== value) packed[name] = value
  if (
    firstKnown.raisedAtMs !== amended.raisedAtMs ||
    firstKnown.clearedAtMs !== amended.clearedAtMs ||
    firstKnown.severity !== amended.severity
  )
    packed['firstKnown'] = firstKnown
  if (severityMax !== amended.severity) packed['severityMax'] = severityMax
  if (evidence !== null) packed['evidence'] = evidence
  return packed as PackedEpisode
}

export const unpackEpisode = (stream: string, key: AlarmKey, { evidence, ...packed }: PackedEpisode): KeptEpisode => {
  const { amended, episode, foundLate = false } = packed
  const row: EpisodeRow = {
    ...usual,
    firstKnown: amended,
    severityMax: amended.severity,
    ...packed,
    id: episodeIdOf(stream, { episode, foundLate }),
    stream,
    key,
  }
  return { row, evidence: evidence ?? null }
}
