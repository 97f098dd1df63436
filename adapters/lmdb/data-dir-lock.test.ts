import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../../runtime/errors.ts'
import { lockDataDir } from './data-dir-lock.ts'

const errorOf = (action: () => unknown): AppError => {
  try {
    action()
  } catch (error) {
    if (error instanceof AppError) return error
  }
  throw new Error('an AppError was expected')
}

describe('lock of the data folder', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lock-test-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('makes the folder, holds it until released, and can be released twice', () => {
    const dataDir = join(folder, 'new', 'data')
    const release = lockDataDir(dataDir, 0)
    expect(errorOf(() => lockDataDir(dataDir, 0)).code).toBe('DATA_DIR_IN_USE')
    release()
    release()
    lockDataDir(dataDir, 0)()
  })

  it('tells the loser which process holds it and since when, and is free after kill -9', { timeout: 20_000 }, async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./hold-lock.fixture.ts', import.meta.url)), folder])
    const exited = once(child, 'exit')
    await Promise.race([once(child.stdout, 'data'), exited])
    const { code, message } = errorOf(() => lockDataDir(folder, 0))
    expect(code).toBe('DATA_DIR_IN_USE')
    expect(message).toMatch(new RegExp(`held by process ${child.pid} on .+ since 2026-01-05T08:00:00.000Z`))
    child.kill('SIGKILL')
    await exited
    lockDataDir(folder, 0)()
  })

  it('says when the folder cannot be written', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(errorOf(() => lockDataDir(join(folder, 'file', 'data'), 0)).code).toBe('DATA_DIR_NOT_WRITABLE')
  })
})
