/**
 * What the program counts of itself, in Prometheus' text form at `/metrics`. Hot paths hold the counter objects; labels are
 * few and bounded (outcomes, reasons, tables), never devices. `metricsMarkdown` is the reference page.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const descriptions = {
  fleet_recorder_messages_total: 'MQTT messages by outcome: accepted, dead_letter, ignored.',
  fleet_recorder_dead_letters_total: 'Dead letters by reason.',
  fleet_recorder_accept_seconds: 'From the PUBLISH received to the event synced; the PUBACK follows at once.',
  fleet_recorder_accept_failures_total: 'Messages that the log did not take; they were not acknowledged.',
  fleet_recorder_connections: 'MQTT connections now.',
  fleet_recorder_connections_refused_total: 'MQTT connections or subscriptions refused, by reason.',
  fleet_recorder_bridge_connected: 'One while the outside broker has granted all that we subscribe to, else zero.',
  fleet_recorder_bridge_connections_total: 'Connections to the outside broker since the start.',
  fleet_recorder_bridge_dropped_total:
    'Connections to the outside broker that were dropped on purpose, since the log did not take messages.',
  fleet_recorder_bridge_received_total: 'Messages of the outside broker: qos0, qos1, qos2, redelivered (DUP), stored_copies, own, cut.',
  fleet_recorder_bridge_waiting_messages: 'Messages of the outside broker that are not yet in the log.',
  fleet_recorder_stage_lag_records: 'Records of the log that are not yet in the warehouse.',
  fleet_recorder_stage_complete_through_seconds: 'All messages that arrived up to this time (Unix) are in the warehouse.',
  fleet_recorder_stage_batches_total: 'Batches that were finished, by stage.',
  fleet_recorder_stage_failures_total: 'Batches that failed and come again, by stage.',
  fleet_recorder_rows_total: 'Rows written, by table.',
  fleet_recorder_duplicates_total: 'Messages that had come before.',
  fleet_recorder_ambiguous_total: 'Messages stored although it cannot be known whether they had come before.',
  fleet_recorder_limits_reached_total: 'Named bounds of the stages that were reached, by bound.',
  fleet_recorder_refilled_rows_total: 'Rows that the warehouse had lost and that were written again, by table.',
  fleet_recorder_keeping_removed_rows_total: 'Rows removed by the rules of keeping, by table.',
  fleet_recorder_keeping_held: 'Tables and rules whose rows wait for an operator (KEEPING_HELD).',
  fleet_recorder_keeping_last_run_seconds: 'Last whole run of the rules of keeping (Unix); one a day.',
  fleet_recorder_keeping_failures_total: 'Runs of the rules of keeping that failed and come again.',
  fleet_recorder_notification_tries_total:
    'Tries to tell the receiver, by outcome: sent, failed (comes again), refused (parked), gone (410, nothing is sent any more).',
  fleet_recorder_notifications_total:
    'Raises that were not sent, by why: transient (over before it was told), silent (home device, rule, no channel), dropped (no room); unreadable: records that could not be read.',
  fleet_recorder_notifications_held: 'Alarms whose raise waits for the verdict about the fleet.',
  fleet_recorder_notifications_pending: 'Alarms with something to send.',
  fleet_recorder_notifications_parked: 'Messages that the receiver refused; they are tried again at the next start.',
  fleet_recorder_notifications_oldest_pending_seconds: 'Age of the oldest event that waits for the receiver; 0: none waits.',
  fleet_recorder_notify_failing_seconds: 'For how long no try has succeeded; 0: they do. Over 300: platform.notify-failed.',
  fleet_recorder_notify_disabled: 'One after the receiver answered 410, until the next start.',
  fleet_recorder_watchdog_last_sent_seconds: 'When the last heartbeat was taken (Unix).',
  fleet_recorder_warehouse_restarts_total: 'Restarts of the embedded warehouse.',
  fleet_recorder_processors_restarts_total: 'Restarts of the processors.',
  fleet_recorder_rebuild_sample_last_run_seconds: 'When the last nightly sample ended without failing (Unix).',
  fleet_recorder_rebuild_sample_duration_seconds: 'How long it took.',
  fleet_recorder_rebuild_sample_devices: 'Devices and places that it ran anew.',
  fleet_recorder_rebuild_sample_events: 'Events of theirs that it ran anew.',
  fleet_recorder_rebuild_sample_differing_rows: 'Rows that the tables say otherwise, in the last sample, by table.',
  fleet_recorder_rebuild_sample_failures_total: 'Nightly samples that could not be done.',
} as const

export const createMetrics = () => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const counter = <L extends string>(name: keyof typeof descriptions, labelNames: readonly L[] = []) =>
    new Counter({ name, help: descriptions[name], labelNames, registers })
  const gauge = (name: keyof typeof descriptions) => new Gauge({ name, help: descriptions[name], registers })
  return {
    registry,
    messages: counter('fleet_recorder_messages_total', ['outcome']),
    deadLetters: counter('fleet_recorder_dead_letters_total', ['reason']),
    acceptSeconds: new Histogram({
      name: 'fleet_recorder_accept_seconds',
      help: descriptions.fleet_recorder_accept_seconds,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    acceptFailures: counter('fleet_recorder_accept_failures_total'),
    connections: gauge('fleet_recorder_connections'),
    refused: counter('fleet_recorder_connections_refused_total', ['reason']),
    bridgeConnected: gauge('fleet_recorder_bridge_connected'),
    bridgeConnections: counter('fleet_recorder_bridge_connections_total'),
    bridgeDropped: counter('fleet_recorder_bridge_dropped_total'),
    bridgeReceived: counter('fleet_recorder_bridge_received_total', ['kind']),
    bridgeWaiting: gauge('fleet_recorder_bridge_waiting_messages'),
    stageLag: gauge('fleet_recorder_stage_lag_records'),
    completeThrough: gauge('fleet_recorder_stage_complete_through_seconds'),
    stageBatches: counter('fleet_recorder_stage_batches_total', ['stage']),
    stageFailures: counter('fleet_recorder_stage_failures_total', ['stage']),
    rows: counter('fleet_recorder_rows_total', ['table']),
    duplicates: counter('fleet_recorder_duplicates_total'),
    ambiguous: counter('fleet_recorder_ambiguous_total'),
    limitsReached: counter('fleet_recorder_limits_reached_total', ['limit']),
    refilledRows: counter('fleet_recorder_refilled_rows_total', ['table']),
    keepingRows: counter('fleet_recorder_keeping_removed_rows_total', ['table']),
    keepingHeld: gauge('fleet_recorder_keeping_held'),
    keepingLastRun: gauge('fleet_recorder_keeping_last_run_seconds'),
    keepingFailures: counter('fleet_recorder_keeping_failures_total'),
    notificationTries: counter('fleet_recorder_notification_tries_total', ['outcome']),
    notificationsNotSent: counter('fleet_recorder_notifications_total', ['why']),
    notificationsHeld: gauge('fleet_recorder_notifications_held'),
    notificationsPending: gauge('fleet_recorder_notifications_pending'),
    notificationsParked: gauge('fleet_recorder_notifications_parked'),
    notificationsOldest: gauge('fleet_recorder_notifications_oldest_pending_seconds'),
    notifyFailing: gauge('fleet_recorder_notify_failing_seconds'),
    notifyDisabled: gauge('fleet_recorder_notify_disabled'),
    watchdogLastSent: gauge('fleet_recorder_watchdog_last_sent_seconds'),
    warehouseRestarts: counter('fleet_recorder_warehouse_restarts_total'),
    processorsRestarts: counter('fleet_recorder_processors_restarts_total'),
    sampleLastRun: gauge('fleet_recorder_rebuild_sample_last_run_seconds'),
    sampleDuration: gauge('fleet_recorder_rebuild_sample_duration_seconds'),
    sampleDevices: gauge('fleet_recorder_rebuild_sample_devices'),
    sampleEvents: gauge('fleet_recorder_rebuild_sample_events'),
    sampleDifferingRows: new Gauge({
      name: 'fleet_recorder_rebuild_sample_differing_rows',
      help: descriptions.fleet_recorder_rebuild_sample_differing_rows,
      labelNames: ['table'],
      registers,
    }),
    sampleFailures: counter('fleet_recorder_rebuild_sample_failures_total'),
  }
}

export type Metrics = ReturnType<typeof createMetrics>

export const metricsMarkdown = (): string =>
  `# Metrics\n\n\`GET /metrics\`, Prometheus' text form. Beside these stand the usual ones of a Node process (\`process_*\`, \`nodejs_*\`).\n\n| metric | what |\n| --- | --- |\n${Object.entries(
    descriptions,
  )
    .map(([name, description]) => `| \`${name}\` | ${description} |`)
    .join('\n')}\n`
