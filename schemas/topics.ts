/** The log's topics and what their records are. Partitions are counted at creation and never change (design: section 5). */

export const logTopics = {
  'device-events': { schema: 'device-event', key: 'subject id', partitioned: true },
  'dead-letters': { schema: 'dead-letter', key: 'topic shape', partitioned: false },
  /** What became of alarms, written by the device stage in the partition of the device's events, by the fleet stage in that of the group's key. */
  alarms: { schema: 'alarm-event', key: 'subject id', partitioned: true },
  /** Changes of devices that a group may share, and the passing of time. One partition: groups are weighed against each other. */
  'fleet-signals': { schema: 'fleet-signal', key: 'subject', partitioned: false },
  /** The newest state of each alarm, JSON text in the shape of TMF642 v4 (docs/reference/alarms-current.md); an empty value takes it away. */
  'alarms-current': { schema: null, key: 'alarm id', partitioned: true },
} as const

/** Of these only the newest record of each key is kept, however old it is. */
export const compactedTopics: ReadonlySet<keyof typeof logTopics> = new Set(['alarms-current'])

/** Schema ids in the Confluent frame. Append-only: an id keeps its schema for ever. */
export const schemaIds = { 'device-event': 1, 'dead-letter': 2, 'alarm-event': 3, 'fleet-signal': 4 } as const
export type SchemaName = keyof typeof schemaIds
