/** The source of what comes from no device: ticks and unreadable records (`recorder`), imports (`api`, with who did it). */
import type { EventSource } from './event.ts'

export const ownSource = (origin: 'api' | 'recorder', actor: string | null): EventSource => ({
  origin,
  topic: '',
  qos: 0,
  dup: false,
  retain: false,
  storedCopy: false,
  clientId: '',
  sessionId: null,
  connection: 0,
  packetId: null,
  redriveOf: null,
  actor,
})
