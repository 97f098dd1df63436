/**
 * What kind of fault a log line names, and the fingerprint of its wording. Patterns are RE2 (no lookaround), anchored on
 * literals, so that the same text works in SQL; the table is alarms section 11 with the additions of section 17.
 */
import { hash64 } from './hash.ts'

export type LogClass =
  | 'panic'
  | 'oops'
  | 'oom'
  | 'stall'
  | 'modem-tx'
  | 'usb-gone'
  | 'usb-error'
  | 'flash'
  | 'read-only-fs'
  | 'conntrack'
  | 'alloc'
  | 'segv'
  | 'crash-loop'
  | 'thermal'
  | 'auth'

/** Patterns run on the first 4 kB of a line. */
export const patternCharsMax = 4_096

/** The first that fits decides; the graver ones come first. */
export const logClasses: readonly { class: LogClass; pattern: RegExp }[] = [
  { class: 'panic', pattern: /Kernel panic - not syncing/ },
  {
    class: 'oops',
    pattern:
      /Oops(\[#|: [0-9a-f]{4}\b|(: | - ).{0,200}\[#\d)|[Uu]nable to handle kernel|kernel BUG at|Kernel bug detected|general protection fault|BUG: (KASAN|KMSAN|KFENCE|KCSAN|sleeping function|scheduling while atomic|spinlock|unable to handle|kernel NULL pointer|Bad page)|KASAN: |UBSAN: |WARNING: (CPU: \d+ PID: \d+ )?at |WARNING: \S+:\d+ at |Internal error: Oops|: [0-9a-f]{1,16} \[#\d+\]|kernel stack overflow|possible (circular|recursive) locking|refcount_t: .{0,60}(underflow|use-after-free)|list_(add|del) corruption/,
  },
  { class: 'oom', pattern: /Killed process \d+ \(.+\) total-vm|Out of memory.{0,200}Kill(ed)? process|invoked oom-killer/ },
  {
    class: 'stall',
    pattern:
      /soft lockup - CPU#\d+ stuck|rcu_\w+ (self-)?detected (expedited )?stalls?|blocked for more than \d+ seconds|INFO: task hung|BUG: workqueue lockup|detected hard LOCKUP/,
  },
  { class: 'modem-tx', pattern: /NETDEV WATCHDOG: .{0,200}transmit queue \d+ timed out/ },
  { class: 'usb-gone', pattern: /usb [\d.-]+: USB disconnect, device number \d+/ },
  { class: 'usb-error', pattern: /device (descriptor read|not accepting address).{0,100}, error -\d+|over-current/ },
  { class: 'read-only-fs', pattern: /[Rr]emounting filesystem read-only|switched to read-only mode/ },
  {
    class: 'flash',
    pattern:
      /EXT4-fs error|UBIFS error|ubi\d .{0,200}(ECC error|error -7\d)|SQUASHFS error|Buffer I\/O error|I\/O error, dev (mmcblk|mtdblock|nvme)|jffs2: .{0,120}CRC failed|returned ECC error/,
  },
  { class: 'conntrack', pattern: /[ni][fp]_conntrack: table full, dropping packet/ },
  { class: 'alloc', pattern: /page allocation failure: order:\d+/ },
  { class: 'segv', pattern: /segfault at|sending SIGSEGV to/ },
  { class: 'crash-loop', pattern: /s in a crash loop \d+ crashes/ },
  { class: 'thermal', pattern: /critical temperature reached/ },
  { class: 'auth', pattern: /Bad password attempt for|Login attempt for nonexistent user/ },
]

/** Most lines name no fault: one pass over all patterns says so. */
const any = new RegExp(logClasses.map(({ pattern }) => pattern.source).join('|'))

/** The class, or '' when the line names none. */
export const classOf = (message: string): LogClass | '' => {
  const text = message.length > patternCharsMax ? message.slice(0, patternCharsMax) : message
  if (!any.test(text)) return ''
  return logClasses.find(({ pattern }) => pattern.test(text))?.class ?? ''
}

/** Kernel stamps, MAC addresses, hex numbers, and digits (pids, counts, addresses) say which, not what. */
const changing = /^\[ *\d+\.\d+\]\s*|(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|0x[0-9a-f]+|\b[0-9a-f]*\d[0-9a-f]*\b|\d+/gi

export const normalise = (message: string): string => message.slice(0, patternCharsMax).replace(changing, '#')

/** Equal wording, equal number; 64 bits. */
export const fingerprintOf = (message: string): bigint => hash64(normalise(message))
