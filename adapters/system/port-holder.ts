/** Who listens on a TCP port of this machine, from /proc (Linux; null elsewhere, or when it is another user's program). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** `node app/main.ts (pid 4711)`, or null when it cannot be told. */
export const portHolder = (port: number): string | null => {
  try {
    const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => listeningInodes(readFileSync(path, 'utf8'), port)))
    const pid = inodes.size === 0 ? undefined : readdirSync('/proc').find((name) => /^\d+$/.test(name) && holdsSocket(name, inodes))
    return pid === undefined ? null : `${commandOf(pid)} (pid ${pid})`
  } catch {
    return null // No /proc here.
  }
}

const listening = '0A'

/** Lines: `sl local_address rem_address st ... inode`, addresses as hex `IP:PORT`. */
export const listeningInodes = (table: string, port: number): string[] =>
  table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === listening && parseInt(local?.split(':')[1] ?? '', 16) === port)
    .flatMap((fields) => fields[9] ?? [])

const holdsSocket = (pid: string, inodes: ReadonlySet<string>): boolean => {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) =>
      inodes.has(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? ''),
    )
  } catch {
    return false // Another user's, or ended while we looked.
  }
}

const commandOf = (pid: string): string => {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  return words.join(' ').slice(0, 120)
}
