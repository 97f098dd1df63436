/** What the fleet stage keeps of firmwares between batches: `refusals.ts`, `wordings.ts`. */

/** One window's messages and refusals by `<model>` and `<firmware>`, one a line, of the partitions that have told it. */
export type RefusalsState = { kind: 'refusals'; byGroup: Record<string, [messages: number, refused: number]> }

/** What is known of a firmware's log. Of devices only hashes are kept, of lines only their fingerprints. */
export type FirmwareState = {
  kind: 'firmware'
  /** When anything of it was first heard: it learns from then on. */
  sinceMs: number
  /** Fingerprints that are nothing new, oldest first. */
  known: string[]
  /** Those that too few of its devices have written. */
  heard: { fingerprint: string; devices: number[] }[]
}

/** An alarm about a firmware's new wordings: when a device last began to write one, how many they are, the first of them. */
export type WordingsStanding = { newestMs: number; wordings: number; fingerprints: string[] }
