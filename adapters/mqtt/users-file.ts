/**
 * `MQTT_USERS_FILE`: one login a line, `name scrypt$<log2 N>$<r>$<p>$<salt>$<hash> [role=publisher|reader] [prefix=<topic>[,<topic>]]`;
 * empty lines and lines that begin with `#` are left alone. Written by `npm run mqtt-user`, read again when it changes.
 * A name that is a MAC is that device and needs no role. `%i` in a prefix is the name (`prefix=router/%i`). What a login may
 * do with them: `ingest/domain/access.ts`.
 *
 * scrypt (RFC 7914) costs ~20 ms of a worker thread per check, so that a stolen file is hard to guess from; a password that
 * was right once is remembered as a keyed hash, so that a fleet coming back does not pay again.
 */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { Result } from '../../model/result.ts'

export type User = { name: string; hash: string; role: 'publisher' | 'reader' | null; prefix: string | null }
export type Users = ReadonlyMap<string, User>

export const usersFileBytesMax = 64 * 1024 * 1024
const nameBytesMax = 128
/** 2^13 * 8 * 128 B = 8 MB and ~20 ms: a fleet of 25,000 logs in within minutes on two cores. */
const costs = { log2N: 13, r: 8, p: 1 }
/** What we accept from a file: more would let one line take gigabytes. */
const log2NMax = 17
const hashBytes = 32

/** All logins, or what is wrong in which line. */
export const parseUsersFile = (text: string): Result<Users> => {
  const users = new Map<string, User>()
  const problems: string[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const user = parseUserLine(line)
    if (!user.ok) problems.push(`line ${index + 1}: ${user.reason}`)
    else if (users.has(user.value.name)) problems.push(`line ${index + 1}: ${user.value.name} stands there twice`)
    else users.set(user.value.name, user.value)
    if (problems.length >= 20) break
  }
  return problems.length > 0 ? { ok: false, reason: problems.join('; ') } : { ok: true, value: users }
}

const parseUserLine = (line: string): Result<User> => {
  const [name = '', hash = '', ...attributes] = line.split(/\s+/)
  if (!isUserName(name))
    return { ok: false, reason: `expected a name of 1 to ${nameBytesMax} printable characters without blanks, / + # :` }
  if (!parseHash(hash)) return { ok: false, reason: `expected scrypt$<log2 N>$<r>$<p>$<salt>$<hash> after ${name}` }
  const user: User = { name, hash, role: null, prefix: null }
  for (const attribute of attributes) {
    const [key, value = ''] = splitOnce(attribute, '=')
    if (key === 'role' && (value === 'publisher' || value === 'reader')) user.role = value
    else if (key === 'prefix' && isPrefixes(value)) user.prefix = value.replace(/\/+(?=,|$)/g, '')
    else return { ok: false, reason: `expected role=publisher, role=reader or prefix=<topic>, got ${attribute.slice(0, 60)}` }
  }
  if (user.role === 'publisher' && user.prefix === null) return { ok: false, reason: `the publisher ${name} needs prefix=<topic>` }
  return { ok: true, value: user }
}

/** Topics with a comma between them, none of them empty or with a wildcard. */
export const isPrefixes = (text: string): boolean => text.split(',').every((topic) => /^[^\s+#,]*[^\s+#,/][^\s+#,]*$/.test(topic))

const splitOnce = (text: string, by: string): string[] => {
  const at = text.indexOf(by)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/** Blanks would break the line, `/ + #` would be topic levels of their own. `:` is part of a MAC only. */
export const isUserName = (name: string): boolean =>
  /^[\x21-\x7e]+$/.test(name) &&
  name.length <= nameBytesMax &&
  !/[/+#]/.test(name) &&
  (!name.includes(':') || /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(name))

export const formatUser = ({ name, hash, role, prefix }: User): string =>
  [name, hash, ...(role === null ? [] : [`role=${role}`]), ...(prefix === null ? [] : [`prefix=${prefix}`])].join(' ')

type Hash = { log2N: number; r: number; p: number; salt: Buffer; key: Buffer }

const parseHash = (text: string): Hash | null => {
  const match = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9_-]{16,88})\$([A-Za-z0-9_-]{43})$/.exec(text)
  if (!match) return null
  const [log2N = 0, r = 0, p = 0] = match.slice(1, 4).map(Number)
  if (log2N < 10 || log2N > log2NMax || r < 1 || r > 16 || p < 1 || p > 4) return null
  return { log2N, r, p, salt: Buffer.from(match[4] ?? '', 'base64url'), key: Buffer.from(match[5] ?? '', 'base64url') }
}

export const hashPassword = async (password: string): Promise<string> => {
  const salt = randomBytes(16)
  const { log2N, r, p } = costs
  const key = await derive(Buffer.from(password), { ...costs, salt })
  return `scrypt$${log2N}$${r}$${p}$${salt.toString('base64url')}$${key.toString('base64url')}`
}

/** False for a wrong password and for a hash that is none. */
export const verifyPassword = async (password: Buffer, hash: string): Promise<boolean> => {
  const parsed = parseHash(hash)
  return parsed !== null && timingSafeEqual(await derive(password, parsed), parsed.key)
}

const derive = (password: Buffer, { log2N, r, p, salt }: Omit<Hash, 'key'>): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const options = { N: 2 ** log2N, r, p, maxmem: 256 * 2 ** log2N * r }
    scrypt(password, salt, hashBytes, options, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })

export type PasswordVerifier = {
  /** `busy`: too many checks are waiting; the client may come again. */
  verify: (user: User | undefined, password: Buffer) => Promise<'right' | 'wrong' | 'busy'>
  waiting: () => number
}

const rememberedMax = 100_000
const checksAtOnce = 2

/** A wrong name costs as much as a wrong password, so that names cannot be found by the clock. */
export const createPasswordVerifier = (waitingMax: number): PasswordVerifier => {
  const key = randomBytes(32)
  const remembered = new Map<string, string>()
  const queue: (() => void)[] = []
  let running = 0
  let waiting = 0
  const decoy = `scrypt$${costs.log2N}$${costs.r}$${costs.p}$${randomBytes(16).toString('base64url')}$${randomBytes(32).toString('base64url')}`

  const turn = async (): Promise<void> => {
    if (running >= checksAtOnce) await new Promise<void>((resolve) => queue.push(resolve))
    else running++
  }
  const leave = (): void => {
    const next = queue.shift()
    if (next) next()
    else running--
  }

  return {
    waiting: () => waiting,
    verify: async (user, password) => {
      const digest = createHmac('sha256', key)
        .update(user?.hash ?? '')
        .update('\0')
        .update(password)
        .digest('base64')
      if (user && remembered.get(user.name) === digest) return 'right'
      if (waiting >= waitingMax) return 'busy'
      waiting++
      await turn()
      try {
        const right = await verifyPassword(password, user?.hash ?? decoy)
        if (!right || !user) return 'wrong'
        if (remembered.size >= rememberedMax) remembered.clear()
        remembered.set(user.name, digest)
        return 'right'
      } finally {
        waiting--
        leave()
      }
    },
  }
}
