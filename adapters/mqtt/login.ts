/**
 * Who a connection is. A client certificate decides by its common name; else name and password from the users file; with
 * neither asked for (loopback only) nobody. A user name beside a certificate must be the same name.
 */
import { readFileSync, statSync } from 'node:fs'
import { AppError } from '../../runtime/errors.ts'
import type { Arrival } from './listeners.ts'
import { createPasswordVerifier, parseUsersFile, type Users, usersFileBytesMax } from './users-file.ts'
import { watchFiles } from './watched-files.ts'

/** Null: no login was asked for. Role and prefix as in the users file. */
export type Principal = { name: string; role: string | null; prefix: string | null }

export type LoginRefusal = 'loginMissing' | 'loginWrong' | 'loginBusy' | 'loginMismatch'
export type LoginResult = { ok: true; principal: Principal | null } | { ok: false; refusal: LoginRefusal }

export type Logins = {
  check: (arrival: Arrival, name: string | undefined, password: Buffer | undefined) => Promise<LoginResult>
  users: () => number
  stop: () => void
}

/** Throws USERS_FILE_INVALID when the file cannot be used at start; a bad change later leaves the old logins in force. */
export const openLogins = (usersFile: string | null, loginsWaitingMax: number, onReload: (error: AppError | null) => void): Logins => {
  let users = usersFile === null ? null : readUsers(usersFile)
  const verifier = createPasswordVerifier(loginsWaitingMax)
  const watching =
    usersFile === null
      ? undefined
      : watchFiles([usersFile], () => {
          try {
            users = readUsers(usersFile)
            onReload(null)
          } catch (error) {
            onReload(error as AppError)
          }
        })

  return {
    users: () => users?.size ?? 0,
    stop: () => watching?.stop(),
    check: async ({ certificateName, loopback }, name, password) => {
      if (certificateName !== null) {
        if (name !== undefined && name !== '' && name !== certificateName) return { ok: false, refusal: 'loginMismatch' }
        const user = users?.get(certificateName)
        return { ok: true, principal: { name: certificateName, role: user?.role ?? null, prefix: user?.prefix ?? null } }
      }
      if (users === null) return loopback ? { ok: true, principal: null } : { ok: false, refusal: 'loginMissing' }
      if (name === undefined || name === '' || password === undefined) return { ok: false, refusal: 'loginMissing' }
      const user = users.get(name)
      const verdict = await verifier.verify(user, password)
      if (verdict === 'right' && user) return { ok: true, principal: { name: user.name, role: user.role, prefix: user.prefix } }
      return { ok: false, refusal: verdict === 'busy' ? 'loginBusy' : 'loginWrong' }
    },
  }
}

const readUsers = (path: string): Users => {
  try {
    if (statSync(path).size > usersFileBytesMax) throw new Error(`it has more than ${usersFileBytesMax} bytes`)
    const parsed = parseUsersFile(readFileSync(path, 'utf8'))
    if (!parsed.ok) throw new Error(parsed.reason)
    return parsed.value
  } catch (cause) {
    throw new AppError('USERS_FILE_INVALID', `Expected logins in ${path}: ${(cause as Error).message}`, { cause })
  }
}
