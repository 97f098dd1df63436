import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { problem, problems } from './problems.ts'

describe('problems', () => {
  it('are each a heading of docs/reference/api-problems.md, and no heading is of another', () => {
    const text = readFileSync(new URL('../../docs/reference/api-problems.md', import.meta.url), 'utf8')
    const headings = [...text.matchAll(/^## (\S+) \((\d+)\)$/gm)].map(([, code, status]) => [code, Number(status)])
    expect(headings).toEqual(Object.entries(problems).map(([code, { status }]) => [code, status]))
  })

  it('have a type that follows from the code', () => {
    expect(problem('DEVICE_UNKNOWN', 'd', { parameter: 'mac' })).toEqual({
      type: 'urn:fleet-recorder:problem:device-unknown',
      title: 'Device unknown',
      status: 404,
      code: 'DEVICE_UNKNOWN',
      detail: 'd',
      parameter: 'mac',
    })
  })
})
