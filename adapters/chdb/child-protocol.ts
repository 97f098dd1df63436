/** What the program and its warehouse child say to each other over their pipe. */
import type { ErrorCode } from '../../runtime/errors.ts'

export type ChildConfig = {
  /** The engine's folder and the folder for uploads beside it. */
  path: string
  uploadDir: string
  database: string
  memoryBytesMax: number
  /** How long to wait for a predecessor to let go of the folder. */
  lockWaitMs: number
  /** Null: no public door. */
  publicListen: { host: string; port: number } | null
  hostNames: string[]
  adminToken: string
  /** Tables of the database that the public door does not show. */
  hiddenTables: string[]
  /** 0: any free one. */
  privatePort: number
  serviceSecret: string
}

export type ToChild = { kind: 'start'; config: ChildConfig } | { kind: 'stop' }

export type FromChild =
  | { kind: 'ready'; privatePort: number; publicPort: number | null }
  | { kind: 'refused'; code: ErrorCode; message: string }
  | { kind: 'asked'; user: string; status: number; ms: number; sql: string; remote: string }
