/** Radio: faults of cells (all who are on them see it alike) and of one device's antenna or modem. */
import { flag, number, oneOf, required, text, withDefault } from '../strict-reader.ts'
import { during, kind } from './kind.ts'

export const radioKinds = {
  cell_outage: kind({
    does: 'A cell is off the air: its devices go to neighbours, or lose service where there is none.',
    target: 'cell',
    lasts: 'span',
    expects: ['cell.exodus', '(presence.offline)'],
    with: {},
    cellFault: () => ({ kind: 'outage', db: 0 }),
  }),
  cell_level_drop: kind({
    does: 'A cell transmits `db` less: all its devices measure less together.',
    target: 'cell',
    lasts: 'span',
    expects: ['(cell.degraded)', '(radio.rsrp-poor)'],
    with: { db: withDefault(number(1, 60), 10) },
    cellFault: ({ db }) => ({ kind: 'level', db }),
  }),
  cell_interference: kind({
    does: 'Level stays, SINR and RSRQ of a cell fall by `db`.',
    target: 'cell',
    lasts: 'span',
    expects: ['(cell.degraded)', 'radio.sinr-poor'],
    with: { db: withDefault(number(1, 40), 14) },
    cellFault: ({ db }) => ({ kind: 'interference', db }),
  }),
  signal_drop: kind({
    does: 'Antenna or cable of a device: it alone measures `db` less, at once or, with `ramp`, growing until the end.',
    lasts: 'span',
    expects: ['radio.rsrp-poor', '(radio.degraded)'],
    with: { db: withDefault(number(1, 60), 25), ramp: withDefault(flag, false) },
    steps: (context, { db, ramp }) =>
      during(context, ramp ? { levelRamp: { fromMs: context.fromMs, toMs: context.toMs, db } } : { levelLossDb: db }),
  }),
  signal_interference: kind({
    does: 'A device alone loses SINR.',
    lasts: 'span',
    expects: ['radio.sinr-poor'],
    with: { db: withDefault(number(1, 40), 18) },
    steps: (context, { db }) => during(context, { sinrLossDb: db }),
  }),
  cell_pingpong: kind({
    does: 'The device jumps between two cells with each reading.',
    lasts: 'span',
    expects: ['radio.cell-pingpong'],
    with: {},
    steps: (context) => during(context, { pingPong: true }),
  }),
  rat_fallback: kind({
    does: 'The device stays on a lower technology than it can.',
    lasts: 'span',
    expects: ['radio.rat-fallback over 60 min'],
    with: { rat: withDefault(oneOf(['UMTS', 'LTE']), 'UMTS') },
    steps: (context, { rat }) => during(context, { rat }),
  }),
  carriers_lost: kind({
    does: 'No carrier aggregation any more.',
    lasts: 'span',
    expects: ['(radio.ca-lost)'],
    with: {},
    steps: (context) => during(context, { noCarriers: true }),
  }),
  device_moved: kind({
    does: 'The device is carried to another site (its inventory does not know).',
    lasts: 'span',
    expects: ['device.moved over 60 min'],
    with: { site: required(text) },
    steps: ({ fromMs, toMs, network }, { site }) => {
      const to = network.sites.find(({ id }) => id === site)
      return to === undefined
        ? []
        : [
            { atMs: fromMs, action: { do: 'move', to } },
            { atMs: toMs, action: { do: 'move', to: undefined } },
          ]
    },
  }),
} as const
