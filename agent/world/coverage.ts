/**
 * Where a device finds no cell though nothing is wrong: at the edge of the network, or on the road. Chance and places decide it as
 * the world runs, so it stands in the truth after what was planned. What a planted fault of a cell or of the device's own antenna
 * brings about is that fault's, and is not named again.
 */
import { cellLoss } from './network.ts'
import type { Modem, RadioEffects } from './modem.ts'
import type { Plan, Truth } from './plan-types.ts'
import type { PlannedDevice } from './planned-device.ts'

/** Told when the loss begins, with the run's end as `toMs`; the end is set when the device has service again. */
export type NoteTruth = (truth: Truth) => void

const expects = ['modem.reg-denied', 'presence.offline', 'wan.failover-active', 'radio.rsrp-poor', 'radio.sinr-poor']

export const createCoverage = ({ endMs }: Plan, device: PlannedDevice, modem: Modem, note: NoteTruth) => {
  let open: Truth | undefined
  return {
    changed: (nowMs: number, hasService: boolean, { levelLossDb }: RadioEffects): void => {
      if (hasService) {
        if (open !== undefined) open.toMs = nowMs
        open = undefined
        return
      }
      if (levelLossDb > 0 || modem.candidates().some(({ cell }) => cellLoss(cell, nowMs) !== undefined)) return
      open = { id: `no-coverage-${device.index}-${nowMs}`, kind: 'no_coverage', origin: 'background', fromMs: nowMs, toMs: endMs, devices: [device], cells: [], parameters: {}, expects, moments: [] } // biome-ignore format: one record
      note(open)
    },
  }
}
