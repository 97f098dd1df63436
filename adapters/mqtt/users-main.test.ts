import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseUsersFile, type Users, verifyPassword } from './users-file.ts'
import { runUsersTool } from './users-main.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mqtt-user-'))
  file = join(folder, 'users')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const run = (...args: string[]): Promise<string> => runUsersTool(['--file', file, ...args], async () => 'correct horse')
const users = (): Users => {
  const parsed = parseUsersFile(readFileSync(file, 'utf8'))
  return parsed.ok ? parsed.value : new Map()
}

describe('the users tool', () => {
  it('adds, changes, lists and removes logins; nobody else can read the file', async () => {
    expect(await run('add', '00-11-22-33-44-55')).toBe(`00-11-22-33-44-55 is added in ${file}`)
    await run('add', 'weather', '--role', 'publisher', '--prefix', 'world/asia')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await verifyPassword(Buffer.from('correct horse'), users().get('weather')?.hash ?? '')).toBe(true)
    expect(await run('add', 'weather', '--role', 'reader')).toBe(`weather is changed in ${file}`)
    expect(await run('list')).toBe('00-11-22-33-44-55\nweather role=reader')
    await run('remove', 'weather')
    expect([...users().keys()]).toEqual(['00-11-22-33-44-55'])
  })

  it.each([
    [['add', 'a/b'], 'Expected a name'],
    [['add', 'x', '--role', 'admin'], 'Expected --role publisher or reader, got admin'],
    [['add', 'x', '--role', 'publisher'], 'Expected --prefix'],
    [['add', 'x', '--role', 'publisher', '--prefix', 'a/#'], 'Expected a topic without'],
    [['remove', 'nobody'], 'Expected a name of'],
    [['frobnicate'], 'Usage'],
    [[], 'Usage'],
  ])('refuses %j', async (args, reason) => {
    await expect(run(...args)).rejects.toThrow(reason)
  })

  it('refuses a short password and leaves a file alone that it cannot read', async () => {
    await expect(runUsersTool(['--file', file, 'add', 'x'], async () => 'short')).rejects.toThrow('at least 8 bytes')
    writeFileSync(file, 'something else\n')
    await expect(run('add', 'x')).rejects.toThrow('is left alone: line 1')
    expect(readFileSync(file, 'utf8')).toBe('something else\n')
  })

  it('reads the password from standard input', () => {
    const main = join(import.meta.dirname, 'users-main.ts')
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--file', file, 'add', 'x'], {
      input: 'correct horse\n',
      encoding: 'utf8',
    })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `x is added in ${file}\n`, stderr: '' })
    expect(users().size).toBe(1)
  })
})
