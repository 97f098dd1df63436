/**
 * Inventory as it now is: one row per change. Sites and cells are broadcast to all partitions, so that every stage knows
 * them; only the first partition writes their rows. The newest row wins by `received_at`, which therefore always grows.
 */
import type { DeviceEvent, InventoryChangedBody } from '../../../model/event.ts'
import type { Place, TableRows } from '../projection.ts'
import type { Overlay } from '../state.ts'

type Changed = { event: DeviceEvent; place: Place; overlay: Overlay; rows: TableRows }

export const projectInventory = (changed: Changed, body: InventoryChangedBody): void => {
  const { place, rows } = changed
  if (body.entity !== 'device' && place.partition !== 0) return
  const cellId = Number(body.id)
  if (body.entity === 'cell' && !Number.isSafeInteger(cellId)) return // The import lets no such id pass.
  const common = toCommon(changed, body)
  const { fields } = body
  switch (body.entity) {
    case 'device':
      rows.devices.push({
        device_id: body.id,
        name: text(fields['name']),
        site: text(fields['site']),
        region: text(fields['region']),
        time_zone: text(fields['time_zone']),
        customer: text(fields['customer']),
        class: text(fields['class']),
        expected_interval_seconds: numberOrNull(fields['expected_interval_seconds']),
        plan: text(fields['plan']),
        serial: text(fields['serial']),
        aliases: text(fields['aliases'])
          .split(/[;,|\s]+/)
          .filter((alias) => alias !== ''),
        ...common,
      })
      return
    case 'site':
      rows.sites.push({
        site_id: body.id,
        name: text(fields['name']),
        region: text(fields['region']),
        time_zone: text(fields['time_zone']),
        customer: text(fields['customer']),
        ...common,
      })
      return
    case 'cell':
      rows.cells.push({
        cell_id: cellId,
        plmn: text(fields['plmn']),
        name: text(fields['name']),
        site: text(fields['site']),
        vendor: text(fields['vendor']),
        ...common,
      })
  }
}

const toCommon = ({ event, place, overlay }: Changed, { entity, id, retired, fields }: InventoryChangedBody) => {
  const state = overlay.open(entity, id, () => ({ kind: 'inventory', versionMs: 0 }))
  state.versionMs = Math.max(event.receivedAtMs, state.versionMs + 1)
  return {
    tenant: event.tenant,
    latitude: numberOrNull(fields['latitude']),
    longitude: numberOrNull(fields['longitude']),
    retired: Number(retired),
    received_at: state.versionMs,
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
  }
}

const text = (value: string | undefined): string => value ?? ''
const numberOrNull = (value: string | undefined): number | null =>
  value === undefined || value === '' || !Number.isFinite(Number(value)) ? null : Number(value)
