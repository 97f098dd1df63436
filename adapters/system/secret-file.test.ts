import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { secretFile } from './secret-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'secret-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('makes a secret of its own until one is kept, then gives that one, readable by its owner only', () => {
  const path = join(folder, 'token')
  const first = secretFile(path)
  const second = secretFile(path)
  expect([first.made, second.made, first.secret === second.secret, first.secret.length]).toEqual([true, true, false, 43])
  second.keep()
  expect(secretFile(path)).toMatchObject({ made: false, secret: second.secret })
  expect(statSync(path).mode & 0o777).toBe(0o600)
})
