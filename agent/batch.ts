/**
 * Several messages in one PUBLISH, for paid links: topic `<product>/<model>/<mac>/batch/deflate`, payload the raw deflate
 * (RFC 1951) of lines `{"topic":"<category>/<metric>","payload":<JSON>}`, each ended by a line feed. Each line is a message
 * of its own with its own ts, seq and bootId, so that a batch sent again with other bounds adds nothing. See README.md.
 */
import { constants, deflateRawSync } from 'node:zlib'
import type { Parcel } from './link.ts'
import type { Kept } from './outbox.ts'

/** The recorder takes 2,000 lines and 1 MiB of text; stopping at a quarter leaves room for one long message more. */
export const batchLinesMax = 500
export const batchTextBytesMax = 256 * 1024
/** The recorder's payload limit is 64 KiB; text that does not shrink below this is split. */
export const batchBytesMax = 60 * 1024

/** Packs what waits below `deviceTopic` into batches; messages of other topics and texts that are no JSON are not ours. */
export const createBatcher = (deviceTopic: string) => {
  let leftOver: { kept: Kept; line: string }[] = []

  const pack = (take: () => Kept | undefined): Parcel | undefined => {
    const entries = leftOver
    leftOver = []
    let bytes = entries.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0)
    while (entries.length < batchLinesMax && bytes < batchTextBytesMax) {
      const kept = take()
      if (kept === undefined) break
      const line = lineOf(kept, deviceTopic)
      bytes += Buffer.byteLength(line)
      entries.push({ kept, line })
    }
    if (entries.length === 0) return undefined
    let size = entries.length
    let payload = deflated(entries)
    while (payload.length > batchBytesMax && size > 1) {
      size = Math.ceil(size / 2)
      payload = deflated(entries.slice(0, size))
    }
    leftOver = entries.slice(size)
    const [first] = entries
    if (size === 1 && first !== undefined && payload.length > batchBytesMax) return unpacked(first.kept) // Log topics may be larger.
    const positions = entries.slice(0, size).map(({ kept }) => kept.position)
    return { topic: `${deviceTopic}/batch/deflate`, payload, retain: false, positions }
  }
  /** After a lost connection the outbox hands everything out again, what was set aside too. */
  const forget = (): void => {
    leftOver = []
  }
  return { pack, forget }
}

const unpacked = ({ topic, payload, position }: Kept): Parcel => ({ topic, payload, retain: false, positions: [position] })

const lineOf = ({ topic, payload }: Kept, deviceTopic: string): string =>
  `{"topic":${JSON.stringify(topic.slice(deviceTopic.length + 1))},"payload":${payload}}\n`

const deflated = (entries: { line: string }[]): Buffer =>
  deflateRawSync(entries.map(({ line }) => line).join(''), { level: constants.Z_BEST_COMPRESSION })
