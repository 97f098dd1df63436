/**
 * How many connections the machine lets this process have: each is an open file, and where none is left neither log nor
 * warehouse can open theirs. Node.js raises the soft limit to the hard one at its start.
 */
import { readFileSync } from 'node:fs'

/** For the files of log, broker and warehouse, and people at the API. */
export const openFilesReserve = 256

/** `Max open files` of this process; null where the system does not say (anything but Linux), or there is no limit. */
export const openFilesMax = (limitsText = readOwnLimits()): number | null => {
  const soft = /^Max open files\s+(\d+)\s/m.exec(limitsText)?.[1]
  return soft === undefined ? null : Number(soft)
}

/** The setting, or what the machine allows when that is less; `problem` says so. */
export const connectionsAllowed = (
  connectionsMax: number,
  openFiles: number | null,
): { connectionsMax: number; problem: string | null } => {
  const allowed = openFiles === null ? connectionsMax : Math.max(1, openFiles - openFilesReserve)
  if (connectionsMax <= allowed) return { connectionsMax, problem: null }
  return {
    connectionsMax: allowed,
    problem: `Expected ${connectionsMax + openFilesReserve} open files (ulimit -Hn) for MQTT_CONNECTIONS_MAX=${connectionsMax}, got ${openFiles ?? 0}: at most ${allowed} connections are accepted`,
  }
}

const readOwnLimits = (): string => {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return ''
  }
}
