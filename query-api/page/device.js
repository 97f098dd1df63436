/** One device's black box: who it is, the moment looked at, its state then, what changed, what happened, charts, log lines. */
import { get } from './api.js'
import { alarmsThenMarks, deviceAlarmsPart } from './device-alarms.js'
import { chartsPart } from './device-charts.js'
import { clockPart } from './device-clock.js'
import { deliveryPart } from './device-delivery.js'
import { diffPart } from './device-diff.js'
import { explainer } from './device-explain.js'
import { historyPart } from './device-history.js'
import { logsPart } from './device-logs.js'
import { factsPanel, measurementsPanel, radioPanel } from './device-state.js'
import { timelinePart } from './device-timeline.js'
import { h, replace } from './dom.js'
import { presenceMark } from './fleet.js'
import { ageOf, count, dateTime, exactTime, time, zoneShort } from './format.js'
import { timeInput } from './time-input.js'

const ranges = [
  [1, '1 h'],
  [6, '6 h'],
  [24, '24 h'],
  [168, '7 d'],
]

/** Minutes after the moment up to which arrivals count; null: all that has arrived by now. */
const knowns = [
  ['', 'all that is known now'],
  ['0', 'as known then'],
  ['15', 'as known 15 min later'],
  ['60', 'as known 1 h later'],
  ['360', 'as known 6 h later'],
]

export const deviceView = ({ root, id, params, noteComplete, zones }) => {
  const at = params.get('at') ?? undefined
  const hours = Number(params.get('hours') ?? 6)
  // A fixed time (`knownAt`) stays while the moment moves; minutes after the moment (`known`) move with it.
  const fixed = params.get('knownAt') ?? undefined
  const known = at === undefined || fixed !== undefined ? undefined : (params.get('known') ?? undefined)
  const knownAt = fixed ?? (known === undefined ? undefined : new Date(Date.parse(at) + Number(known) * 60_000).toISOString())
  const go = (changes) => {
    const next = new URLSearchParams(
      Object.entries({ at, hours: String(hours), known, knownAt: fixed, ...changes }).filter(([, value]) => value !== undefined),
    )
    location.hash = `#/device/${id}${next.size > 0 ? `?${next}` : ''}`
  }

  const head = h('div', {})
  const state = h('div', { class: 'stack' })
  const { explain, button: why, leave: leaveExplainer } = explainer(id, { at, knownAt })
  const charts = chartsPart(id, explain)
  const alarms = deviceAlarmsPart(id)
  const logs = logsPart(id)
  const history = historyPart(id)
  const timeline = timelinePart(id, go)
  const diff = diffPart(id)
  const clock = clockPart(id)
  const delivery = deliveryPart(id, go)
  // Who looks at a moment asks what happened; who looks at now asks how it is.
  const parts =
    at === undefined
      ? [alarms, charts, timeline, diff, logs, history, clock, delivery]
      : [diff, alarms, timeline, charts, logs, history, clock, delivery]
  root.append(
    head,
    momentBar(at, hours, { known, fixed }, go),
    knownAt === undefined
      ? ''
      : h(
          'p',
          { class: 'notice' },
          `State, changes, charts and lists are as known at ${dateTime(knownAt)} ${zoneShort(Date.parse(knownAt))}: what arrived later is left out. The timeline can show it too, marked. `,
          h('button', { type: 'button', onclick: () => go({ known: undefined, knownAt: undefined }) }, 'Show all that is known now'),
        ),
    h(
      'div',
      { class: 'columns' },
      state,
      h(
        'div',
        { class: 'stack' },
        parts.map(({ root: part }) => part),
      ),
    ),
  )

  let chartsAtMs = 0
  const refresh = async () => {
    const [device, now, planned] = await Promise.all([
      get(`devices/${id}`),
      get(`devices/${id}/state`, { at, knownAt }),
      at === undefined ? get('maintenance-windows', { device: id, state: 'active', limit: 5 }) : { items: [] },
    ])
    noteComplete(now.completeThrough)
    zones(device.timeZone)
    document.title = `${device.name ?? device.deviceId} · Fleet Recorder`
    replace(head, header(device, now, why, planned.items), at === undefined ? elsewhere(device, hours, go) : undefined)
    replace(state, radioPanel(now, why), measurementsPanel(now, why), factsPanel(now, why), ledgerPanel(device))
    const range = { ...rangeOf(at, hours), knownAt }
    await Promise.all([
      logs.refresh(range),
      alarms.refresh(range),
      // Charts of a past moment do not change; those of now move slower than the state.
      at !== undefined && chartsAtMs > 0
        ? undefined
        : Date.now() - chartsAtMs < 25_000
          ? undefined
          : Promise.all([
              charts.refresh(range),
              history.refresh(range),
              timeline.refresh(range),
              diff.refresh(range),
              clock.refresh(range),
              delivery.refresh(range),
            ]),
    ])
    if (Date.now() - chartsAtMs >= 25_000) chartsAtMs = Date.now()
  }
  return {
    refresh,
    leave: () => {
      charts.leave()
      clock.leave()
      leaveExplainer()
    },
  }
}

const rangeOf = (at, hours) => {
  const toMs = at === undefined ? Date.now() : Date.parse(at)
  return { fromMs: toMs - hours * 3_600_000, toMs, live: at === undefined }
}

/** A replayed drive or a long-silent device has nothing in the last hours; its data lie elsewhere. */
const elsewhere = ({ lastObservedAt }, hours, go) =>
  lastObservedAt === null || Date.now() - Date.parse(lastObservedAt) < hours * 3_600_000
    ? undefined
    : h(
        'p',
        { class: 'notice' },
        `Its newest data stand for ${dateTime(lastObservedAt)} ${zoneShort(Date.parse(lastObservedAt))}, before the range shown. `,
        h('button', { type: 'button', 'data-key': 'newest', onclick: () => go({ at: lastObservedAt }) }, 'Go there'),
      )

const momentBar = (at, hours, { known, fixed }, go) => {
  const atMs = at === undefined ? Date.now() : Date.parse(at)
  const input = timeInput(new Date(atMs).toISOString(), 'Moment', (iso) => go({ at: iso }))
  const shift = (label, minutes) =>
    h(
      'button',
      { type: 'button', onclick: () => go({ at: new Date((at === undefined ? Date.now() : atMs) + minutes * 60_000).toISOString() }) },
      label,
    )
  return h(
    'div',
    { class: at === undefined ? 'moment' : 'moment past', role: 'group', 'aria-label': 'Moment and range' },
    h(
      'span',
      { class: 'group' },
      h('button', { type: 'button', 'aria-pressed': String(at === undefined), onclick: () => go({ at: undefined }) }, 'Now'),
    ),
    h('span', { class: 'group shifts' }, shift('−1 h', -60), shift('−10 min', -10), input, shift('+10 min', 10), shift('+1 h', 60)),
    at === undefined
      ? h('span', { class: 'soft' }, zoneShort())
      : h('b', { class: 'warn' }, `as of ${dateTime(at)} ${zoneShort(atMs)}, ${ageOf(at)} ago`),
    h(
      'select',
      {
        class: 'known',
        'aria-label': 'What counts as known',
        title: 'Everything from what had arrived by then; later data are left out',
        onchange: ({ target }) => {
          if (target.value === 'fixed') go({ known: undefined, knownAt: new Date(atMs).toISOString() })
          else go({ known: target.value === '' ? undefined : target.value, knownAt: undefined })
        },
      },
      knowns
        .filter(([value]) => at !== undefined || value === '')
        .map(([value, label]) => h('option', { value, selected: fixed === undefined && value === (known ?? '') }, label)),
      h('option', { value: 'fixed', selected: fixed !== undefined }, 'as known at …'),
    ),
    fixed === undefined ? undefined : timeInput(fixed, 'Known at', (iso) => go({ knownAt: iso })),
    h('span', { class: 'spring' }),
    h(
      'span',
      { class: 'group', role: 'group', 'aria-label': 'Range of charts and lists' },
      ranges.map(([value, label]) =>
        h('button', { type: 'button', 'aria-pressed': String(value === hours), onclick: () => go({ hours: String(value) }) }, label),
      ),
    ),
  )
}

const header = (device, now, why, windows) => {
  const item = (label, value, title) => (value === null || value === '' ? undefined : h('span', { title }, `${label} `, h('b', {}, value)))
  return [
    h(
      'div',
      { class: 'device-head' },
      h('h1', {}, device.name ?? device.deviceId),
      presenceMark(now.presence),
      windows.map(({ id, reason, to }) =>
        h('a', { class: 'tag warn', href: '#/maintenance', title: `${id}: ${reason}` }, `maintenance until ${time(to)}`),
      ),
      now.presence.since === null
        ? undefined
        : h(
            'span',
            { class: 'soft', title: exactTime(now.presence.since) },
            `since ${dateTime(now.presence.since)}${now.presence.reason === null ? '' : ` (${now.presence.reason})`}`,
            why({ title: 'presence', of: 'presence' }),
          ),
      now.presence.recorderGap === null ? undefined : h('span', { class: 'tag warn' }, gapText(now.presence.recorderGap)),
      alarmsThenMarks(now),
      device.registered ? undefined : h('span', { class: 'tag warn' }, 'not registered'),
      device.retired ? h('span', { class: 'tag warn' }, 'retired') : undefined,
    ),
    h(
      'div',
      { class: 'identity' },
      device.name === null ? undefined : h('span', { class: 'mono' }, device.deviceId),
      item('site', device.site === null ? null : (device.site.name ?? device.site.id)),
      item('region', device.region),
      item('customer', device.customer),
      item('model', device.model),
      now.firmware === null ? undefined : item('firmware', now.firmware.version, `told ${exactTime(now.firmware.observedAt)}`),
      item('serial', device.serial),
      now.boot === null
        ? undefined
        : h(
            'span',
            { title: exactTime(now.boot.observedAt) },
            'booted ',
            h('b', {}, `${dateTime(now.boot.observedAt)}`),
            now.boot.reason === null ? '' : ` (${now.boot.reason})`,
            why({ title: 'boot', of: 'boot' }),
          ),
      device.lastSeenAt === null
        ? h('b', {}, 'never heard')
        : h('span', { title: exactTime(device.lastSeenAt) }, 'last heard ', h('b', {}, `${ageOf(device.lastSeenAt)} ago`)),
    ),
  ]
}

const gapText = ({ from, to }) =>
  `as last said; the recorder was not running ${from === null ? '' : `from ${dateTime(from)} `}${to === null ? 'since' : `to ${dateTime(to)}`}`

const ledgerPanel = ({ ledger }) => {
  if (ledger === null) return undefined
  const missing =
    ledger.missing === 'unknown'
      ? 'It does not count its messages, so nobody can know whether some are missing.'
      : ledger.missing === 0
        ? 'None is missing from its own count.'
        : `${count(ledger.missing)} are missing from its own count.`
  return h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Delivery', h('small', {}, 'all that is kept')),
    h(
      'p',
      { class: 'log-tools' },
      `${count(ledger.received)} messages received: ${count(ledger.stored)} stored, ${count(ledger.duplicate)} repeats, ${count(ledger.quarantined)} refused. `,
      ledger.reconciled ? '' : h('b', { class: 'bad' }, `${count(ledger.difference)} unaccounted for. `),
      h('span', { class: ledger.missing === 0 ? 'ok' : ledger.missing === 'unknown' ? 'soft' : 'bad' }, missing),
    ),
  )
}
