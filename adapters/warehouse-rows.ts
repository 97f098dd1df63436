/** A row of `measurements` for tests: one device, one reading a second in the last hour, every fifth missing. */
import type { Row } from '../model/ports.ts'

export const rowsStartMs = Date.now() - 3_600_000

export const measurementRow = (offset: number, over: Row = {}): Row => ({
  tenant: 'default',
  subject: '00-11-22-33-44-55',
  metric: 'hw.temperature',
  attributes: '',
  observed_at: rowsStartMs + offset * 1000,
  received_at: rowsStartMs + offset * 1000 + 40,
  value: offset % 5 === 4 ? null : offset / 4,
  quality: offset % 5 === 4 ? 'missing' : 'ok',
  log_id: 'log-1',
  partition: 0,
  offset,
  ...over,
})
