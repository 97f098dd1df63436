/** One row per telling of a maintenance window. It is broadcast; only the first partition writes, as for sites and cells. */
import type { DeviceEvent, MaintenanceWindowBody } from '../../../model/event.ts'
import { toDateTime64 } from '../placed-time.ts'
import type { Place, TableRows } from '../projection.ts'

type Told = { event: DeviceEvent; place: Place; rows: TableRows }

export const projectMaintenance = ({ event, place, rows }: Told, body: MaintenanceWindowBody): void => {
  if (place.partition !== 0) return
  rows.maintenance_windows.push({
    tenant: event.tenant,
    window_id: body.id,
    version: Math.min(Math.max(0, body.version), 2 ** 32 - 1),
    change_id: body.changeId,
    selector: body.selector,
    from_at: toDateTime64(body.fromMs),
    to_at: toDateTime64(body.toMs),
    reason: body.reason,
    withdrawn: Number(body.withdrawn),
    actor: event.source.actor ?? '',
    received_at: event.receivedAtMs,
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
  })
}
