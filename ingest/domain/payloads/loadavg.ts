/** `hardware/loadavg`: JSON `load1 load5 load15`, or the text of /proc/loadavg (proc(5)): `0.34 0.28 0.19 1/78 2671`. */
import { addMeasurement, refuse } from '../draft.ts'
import { fieldTable, measure, readJson } from '../fields.ts'
import type { Profile } from '../profile.ts'
import { toNumber } from '../values.ts'
import { scalarOf } from './scalar.ts'
import { shown } from '../shown.ts'

const running = '{"process.status":"running"}'

const fields = fieldTable({
  'load1 load1m load1min loadavg1 loadaverage1 loadaverage1m loadavg1m 1m 1min one value': measure('system.cpu.load_average.1m'),
  'load5 load5m load5min loadavg5 loadaverage5 loadaverage5m loadavg5m 5m 5min five': measure('system.cpu.load_average.5m'),
  'load15 load15m load15min loadavg15 loadaverage15 loadaverage15m loadavg15m 15m 15min fifteen': measure('system.cpu.load_average.15m'),
  'running runningprocesses procsrunning': measure('system.process.count', running),
  'processes totalprocesses procs': measure('system.process.count'),
})

const procLoadavg = /^\s*(\S+)\s+(\S+)\s+(\S+)(?:\s+(\d+)\/(\d+)(?:\s+\d+)?)?\s*$/

export const loadavg: Profile = {
  mayBeForeign: true,
  json: (draft, value) => readJson(draft, fields, value),
  text: (draft, text) => {
    const [, one, five, fifteen, runningCount, count] = procLoadavg.exec(text) ?? []
    if (one === undefined || [one, five, fifteen].some((part) => toNumber(part) === undefined)) {
      const value = scalarOf(text)
      if (toNumber(value) !== undefined) {
        addMeasurement(draft, 'system.cpu.load_average.1m', '', value)
        return
      }
      refuse(draft, 'PAYLOAD_SHAPE', `expected "0.34 0.28 0.19 1/78 2671" or JSON, got "${shown(text)}"`)
      return
    }
    addMeasurement(draft, 'system.cpu.load_average.1m', '', one)
    addMeasurement(draft, 'system.cpu.load_average.5m', '', five)
    addMeasurement(draft, 'system.cpu.load_average.15m', '', fifteen)
    if (runningCount === undefined) return
    addMeasurement(draft, 'system.process.count', running, runningCount)
    addMeasurement(draft, 'system.process.count', '', count)
  },
}
