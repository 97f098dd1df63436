/** One row per radio snapshot; carriers as tuples. A number that its column cannot hold is NULL, never a wrapped one. */
import type { RadioBody } from '../../../model/event.ts'
import type { Context } from '../projection.ts'

export const projectRadio = ({ event, place, placed, rows }: Context, radio: RadioBody): void => {
  rows.radio.push({
    tenant: event.tenant,
    subject: event.subject.id,
    observed_at: placed.observedAtMs,
    received_at: event.receivedAtMs,
    rat: radio.rat,
    mode: radio.mode,
    plmn: radio.plmn,
    tac: unsigned(radio.tac, 32),
    cell_id: unsigned(radio.cellId, 53),
    enb_id: unsigned(radio.enbId, 32),
    pci: unsigned(radio.pci, 16),
    band: radio.band,
    earfcn: unsigned(radio.earfcn, 32),
    rsrp_dbm: radio.rsrpDbm,
    rsrq_db: radio.rsrqDb,
    sinr_db: radio.sinrDb,
    rssi_dbm: radio.rssiDbm,
    cqi: radio.cqi,
    carriers: radio.carriers.map((carrier) => ({
      role: carrier.role,
      rat: carrier.rat,
      band: carrier.band,
      bandwidth_mhz: carrier.bandwidthMhz,
      earfcn: unsigned(carrier.earfcn, 32),
      pci: unsigned(carrier.pci, 16),
      rsrp_dbm: carrier.rsrpDbm,
      rsrq_db: carrier.rsrqDb,
      sinr_db: carrier.sinrDb,
      active: carrier.active === null ? null : Number(carrier.active),
    })),
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
  })
}

const unsigned = (value: number | null, bits: number): number | null =>
  value !== null && Number.isInteger(value) && value >= 0 && value < 2 ** bits ? value : null
