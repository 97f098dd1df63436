/** One row per reading. A missing or impossible one has no value and says so in `quality`. */
import type { MeasurementsBody } from '../../../model/event.ts'
import { placeItem } from '../placed-time.ts'
import type { Context } from '../projection.ts'
import { admitSeries } from './series-limit.ts'

export const projectMeasurements = (context: Context, body: MeasurementsBody): void => {
  const { event, place, placed, rows } = context
  const { receivedAtMs, tenant, subject } = event
  for (const item of body.items) {
    if (!admitSeries(context, item.metric, item.attributes)) continue
    rows.measurements.push({
      tenant,
      subject: subject.id,
      metric: item.metric,
      attributes: item.attributes,
      observed_at: placeItem(item.observedAtMs, placed.observedAtMs, receivedAtMs),
      received_at: receivedAtMs,
      value: item.value,
      quality: item.quality,
      log_id: place.logId,
      partition: place.partition,
      offset: place.offset,
    })
  }
}
