/** Rows of the inventory for tests: what is not said is empty. */
import type { Row } from '../../model/ports.ts'

const place = {
  tenant: 'default',
  name: '',
  region: '',
  latitude: null,
  longitude: null,
  time_zone: '',
  customer: '',
  retired: 0,
  received_at: 0,
  log_id: 'log',
  partition: 0,
  offset: 1,
}

export const fakeDevice = (id: string, fields: Row = {}): Row => ({
  ...place,
  device_id: id,
  site: '',
  class: '',
  expected_interval_seconds: null,
  plan: '',
  serial: '',
  aliases: [],
  ...fields,
})

export const fakeSite = (id: string, fields: Row = {}): Row => ({ ...place, site_id: id, ...fields })
