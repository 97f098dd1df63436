/**
 * `npm run mqtt-user -- --file FILE add NAME [--role publisher|reader] [--prefix TOPIC[,TOPIC]] | remove NAME | list`: the logins of
 * `MQTT_USERS_FILE`; `%i` in a prefix is NAME. The password is asked for without echo, or is the first line of standard input. The file is replaced in
 * one step, readable by its owner only; a running recorder takes it within a second. Adding a name that is there changes it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { text as readAll } from 'node:stream/consumers'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { parseArgs } from 'node:util'
import { formatUser, hashPassword, isPrefixes, isUserName, parseUsersFile, type User } from './users-file.ts'

const usage = 'Usage: npm run mqtt-user -- --file FILE (add NAME [--role publisher|reader] [--prefix TOPIC[,TOPIC]] | remove NAME | list)'
const passwordBytesMin = 8

/** Answers the line to print; throws an Error with the reason. `readPassword` is asked only when one is needed. */
export const runUsersTool = async (args: readonly string[], readPassword: () => Promise<string>): Promise<string> => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { file: { type: 'string' }, role: { type: 'string' }, prefix: { type: 'string' } },
  })
  const [command, name = ''] = positionals
  const { file, role, prefix } = values
  if (file === undefined || command === undefined) throw new Error(usage)
  const users = new Map(existsSync(file) ? usersIn(file) : [])

  switch (command) {
    case 'list':
      return [...users.values()]
        .map(({ hash: _hash, ...user }) =>
          formatUser({ ...user, hash: '' })
            .replace(/ +/g, ' ')
            .trim(),
        )
        .join('\n')
    case 'remove':
      if (!users.delete(name)) throw new Error(`Expected a name of ${file}, got ${JSON.stringify(name)}`)
      save(file, users)
      return `${name} is removed from ${file}`
    case 'add': {
      if (!isUserName(name)) throw new Error(`Expected a name without blanks, / + # and :, or a MAC, got ${JSON.stringify(name)}`)
      if (role !== undefined && role !== 'publisher' && role !== 'reader')
        throw new Error(`Expected --role publisher or reader, got ${role}`)
      if (role === 'publisher' && prefix === undefined) throw new Error('Expected --prefix TOPIC beside --role publisher')
      if (prefix !== undefined && !isPrefixes(prefix))
        throw new Error(`Expected a topic without + # and blanks, or several with a comma between them, got ${prefix}`)
      const password = await readPassword()
      if (Buffer.byteLength(password) < passwordBytesMin) throw new Error(`Expected a password of at least ${passwordBytesMin} bytes`)
      const known = users.has(name)
      users.set(name, { name, hash: await hashPassword(password), role: role ?? null, prefix: prefix ?? null })
      save(file, users)
      return `${name} is ${known ? 'changed' : 'added'} in ${file}`
    }
    default:
      throw new Error(usage)
  }
}

const usersIn = (file: string): Iterable<[string, User]> => {
  const parsed = parseUsersFile(readFileSync(file, 'utf8'))
  if (!parsed.ok) throw new Error(`${file} is left alone: ${parsed.reason}`)
  return parsed.value
}

const save = (file: string, users: ReadonlyMap<string, User>): void => {
  const text = [...users.values()].map((user) => `${formatUser(user)}\n`).join('')
  writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}

const askPassword = async (): Promise<string> => {
  if (!process.stdin.isTTY) return (await readAll(process.stdin)).split(/\r?\n/, 1)[0] ?? ''
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true })
  process.stderr.write('Password: ')
  const password = await terminal.question('')
  terminal.close()
  process.stderr.write('\n')
  return password
}

if (import.meta.main) {
  try {
    process.stdout.write(`${await runUsersTool(process.argv.slice(2), askPassword)}\n`)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
