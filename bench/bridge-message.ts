/** The messages of `bridge.ts`: what a device publishes, and how it is found again in whatever a bridge made of it. */

export const deviceCount = 1_000
/** Fixed, so that time and number can be written into a frame that is made once. */
export const timeDigits = 13
export const noTime = 10 ** timeDigits - 1
export const seqDigits = 7
const firstSeq = 10 ** (seqDigits - 1)

/** As a device of the family `dwr` names it; another bridge gets another root, so that each hears its own only. */
export const topicOf = (root: string, device: number): string =>
  `${root}/311-a1/02-00-00-00-${hex(device >> 8)}-${hex(device & 255)}/hardware/memory`

const hex = (byte: number): string => byte.toString(16).padStart(2, '0')

/** JSON with time, boot id, number and five values, filled up with blanks. Without a time: room for it. */
export const payloadOf = (run: number, device: number, bytes: number, sentAtMs: number = noTime): string =>
  `{"ts":${sentAtMs},"bootId":"r${String(run).padStart(4, '0')}-d${String(device).padStart(4, '0')}","seq":${firstSeq},"total":123060,"free":40596,"available":51200,"buffers":6144,"cached":19968,"unit":"kB"}`.padEnd(
    bytes,
  )

export type FoundMessage = { run: number; index: number; sentAtMs: number }

/** A bridge may have quoted the payload once more: `\"`. */
const pattern = /ts\\?":(\d{13}),\\?"bootId\\?":\\?"r(\d{4})-d(\d{4})\\?",\\?"seq\\?":(\d{7})/

/** Undefined for what is none of ours: ticks, the bridge's own metrics. */
export const findMessage = (value: Buffer): FoundMessage | undefined => {
  const found = pattern.exec(value.toString('latin1'))
  if (found === null) return undefined
  const [, sentAtMs, run, device, seq] = found
  return { run: Number(run), index: (Number(seq) - firstSeq) * deviceCount + Number(device), sentAtMs: Number(sentAtMs) }
}
