import { describe, expect, it } from 'vitest'
import { headerProblem, type InventoryEntry, parseInventoryRow, planInventory } from './inventory.ts'

const device = (values: Record<string, string>) => parseInventoryRow('devices', { device_id: '00:11:22:33:44:55', ...values })
const reasonOf = (result: ReturnType<typeof parseInventoryRow>) => (result.ok ? null : result.reason)

describe('a header', () => {
  it('may have its columns in any order', () => expect(headerProblem('cells', ['name', 'cell_id'])).toBeNull())
  it('needs the id', () => expect(headerProblem('sites', ['name'])).toBe('expected a column site_id, got name'))
  it('names a misspelt column', () =>
    expect(headerProblem('devices', ['device_id', 'timezone'])).toMatch(/^unknown column timezone; known are device_id, name/))
  it('may not have a column twice', () => expect(headerProblem('sites', ['site_id', 'name', 'name'])).toBe('column name comes twice'))
})

describe('a device row', () => {
  it('gets the canonical MAC, and empty fields are absent', () => {
    expect(device({ name: ' Neihu 3 ', site: '', latitude: '25.08', longitude: '121.56' })).toEqual({
      ok: true,
      value: { id: '00-11-22-33-44-55', fields: { name: 'Neihu 3', latitude: '25.08', longitude: '121.56' }, retired: false },
    })
  })

  it.each([
    [{ device_id: '00:11' }, 'device_id: expected a MAC such as 00-11-22-33-44-55, got "00:11"'],
    [{ latitude: '90.01', longitude: '0' }, 'latitude: expected a number from -90 to 90, got "90.01"'],
    [{ latitude: '90' }, 'expected latitude and longitude together'],
    [{ time_zone: 'Mars/Base' }, 'time_zone: expected an IANA time zone such as Europe/Berlin, got "Mars/Base"'],
    [{ expected_interval_seconds: '0' }, 'expected_interval_seconds: expected an integer from 1 to 31536000, got "0"'],
    [
      { time_zone: 'Mars', expected_interval_seconds: 'x' },
      'time_zone: expected an IANA time zone such as Europe/Berlin, got "Mars"; expected_interval_seconds: expected an integer from 1 to 31536000, got "x"',
    ],
    [{ name: 'x'.repeat(201) }, 'name: expected at most 200 characters, got 201'],
  ])('%o is told why', (values, reason) => expect(reasonOf(device(values))).toBe(reason))

  it('takes the bounds themselves', () => {
    expect(reasonOf(device({ latitude: '-90', longitude: '180', expected_interval_seconds: '1', name: 'x'.repeat(200) }))).toBeNull()
  })
})

describe('planInventory', () => {
  const current = new Map<string, InventoryEntry>([
    ['7', { id: '7', fields: { name: 'Tower', latitude: '52.5', longitude: '13' }, retired: false }],
    ['8', { id: '8', fields: { name: 'Gone' }, retired: true }],
  ])
  const plan = planInventory(
    'cells',
    [
      { row: 2, values: { cell_id: '7', name: 'Tower', latitude: '52.50', longitude: '13.0' } },
      { row: 3, values: { cell_id: '8', name: 'Gone' } },
      { row: 4, values: { cell_id: '9', name: 'New' } },
      { row: 5, values: { cell_id: '9', name: 'Again' } },
      { row: 6, values: { cell_id: 'x' } },
    ],
    current,
  )

  it('tells what each row does', () => {
    expect(plan.results.map(({ row, action }) => [row, action])).toEqual([
      [2, 'unchanged'],
      [3, 'change'],
      [4, 'create'],
      [5, 'reject'],
      [6, 'reject'],
    ])
    expect(plan.results[3]?.reason).toBe('9 stands already in line 4')
  })

  it('makes one event per change, and brings a retired one back', () => {
    expect(plan.changes).toEqual([
      { kind: 'InventoryChanged', entity: 'cell', id: '8', retired: false, fields: { name: 'Gone' } },
      { kind: 'InventoryChanged', entity: 'cell', id: '9', retired: false, fields: { name: 'New' } },
    ])
  })
})
