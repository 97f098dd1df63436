/** Hostile Avro from the sample data. The check runs before avsc sees a byte; a child with a memory cap shows that it holds. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import avsc from 'avsc'
import { describe, expect, it } from 'vitest'
import { type AvroSchema, createBytesCheck } from './check-bytes.ts'
import { createEventCodec } from './event-codec.ts'

type Vector = {
  name: string
  schema: AvroSchema
  hex: string | null
  expect: string
  repeat?: { unit: string; times: number; then: string }
}

const file = join(process.env['SAMPLE_DATA_DIR'] ?? '../shared/data', 'vectors/avro-bombs.json')
const { datum, wire } = JSON.parse(readFileSync(file, 'utf8')) as {
  datum: Vector[]
  wire: { cases: { name: string; hex: string }[] }
}
const bytesOf = ({ hex, repeat }: Vector): Buffer =>
  Buffer.from(hex ?? (repeat ? repeat.unit.repeat(repeat.times) + repeat.then : ''), 'hex')
/** What we decided where the vectors leave it open. */
const decided: Record<string, boolean> = {
  'negative count with byte size beyond the buffer': false,
  'negative count with negative byte size': false,
  'many blocks of one null each': false,
  'long not canonical': false,
  'cell has NUL': true,
  'long 2^53+1': false,
  'long -2^63': false,
}
const accepted = (vector: Vector): boolean => decided[vector.name] ?? vector.expect === 'accept'

describe('hostile Avro bytes', () => {
  it.each(datum.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const bytes = bytesOf(vector)
    const startedAt = performance.now()
    const fault = createBytesCheck(vector.schema)(bytes, 0)
    expect(performance.now() - startedAt).toBeLessThan(100)
    expect(fault === undefined).toBe(accepted(vector))
    if (fault === undefined) avsc.Type.forSchema(vector.schema as avsc.Schema).fromBuffer(bytes)
  })

  it('are refused in a process of 64 MB', () => {
    const script = `
      import { readFileSync } from 'node:fs'
      import { createBytesCheck } from '${new URL('./check-bytes.ts', import.meta.url).href}'
      const { datum } = JSON.parse(readFileSync(process.argv[1], 'utf8'))
      for (const { schema, hex, repeat } of datum) createBytesCheck(schema)(Buffer.from(hex ?? repeat.unit.repeat(repeat.times) + repeat.then, 'hex'), 0)
      console.log('alive')`
    const args = ['--max-old-space-size=64', '--input-type=module', '-e', script, file]
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()).toBe('alive')
  })

  it.each(wire.cases.map(({ name, hex }) => [name, hex] as const))('framed, %s: a reason and no event', (_, hex) => {
    expect(createEventCodec().decode(Buffer.from(hex, 'hex'))).toMatchObject({ ok: false })
  })
})
