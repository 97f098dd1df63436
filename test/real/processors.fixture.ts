/** The processors of one machine, as a process that may be killed: Kafka's log, a state folder of its own, a shared warehouse. */
import { createAlarmCodec } from '../../adapters/avro/alarm-codec.ts'
import { createFleetCodec } from '../../adapters/avro/fleet-codec.ts'
import { createDeadLetterCodec, createEventCodec } from '../../adapters/avro/event-codec.ts'
import { openWarehouse } from '../../adapters/clickhouse/warehouse.ts'
import { openKafkaLog } from '../../adapters/kafka/event-log.ts'
import { createKafkaStageStore } from '../../adapters/kafka/stage-store.ts'
import { openEnvironment } from '../../adapters/lmdb/environment.ts'
import { md5, systemClock } from '../../adapters/system/clock-ids-digest.ts'
import { startProcessors } from '../../processors/main.ts'

export type MachineOptions = {
  brokers: string
  prefix: string
  partitions: number
  dir: string
  warehouse: { url: string; username: string; password: string }
}

const options = JSON.parse(process.argv[2] ?? '') as MachineOptions
const tell = (what: object): void => void process.send?.(what)

const log = await openKafkaLog({
  settings: { brokers: [options.brokers], prefix: options.prefix, tls: null, sasl: null },
  topics: { partitions: options.partitions, replication: -1, retentionMs: 86_400_000 },
  clock: systemClock,
  client: 'platformatic',
  lingerMsMax: 25,
  onError: (error) => tell({ trouble: error.message }),
})
const warehouse = openWarehouse({ ...options.warehouse, database: 'fleet' })
const environment = openEnvironment(options.dir)
const letters = createDeadLetterCodec()
const processors = await startProcessors({
  log,
  warehouse,
  createStore: (group) =>
    createKafkaStageStore({
      environment,
      log,
      group,
      warehouse,
      clock: systemClock,
      snapshotEveryMs: 2_000,
      onError: (error) => tell({ snapshot: error.message }),
    }),
  codec: createEventCodec(),
  decodeDeadLetter: letters.decode,
  encodeDeadLetter: letters.encode,
  encodeAlarm: createAlarmCodec().encode,
  encodeSignal: createFleetCodec().encode,
  decodeSignal: createFleetCodec().decode,
  digest: md5,
  tenant: 'main',
  limits: { batchRecordsMax: 500, batchAfterMs: 50 },
  onError: (error, { stage, partition }) => tell({ failed: `${stage}:${partition} ${error.message}` }),
  onCount: () => undefined,
  onRefilled: (refilled) => tell({ refilled }),
})
tell({ started: true })
process.on('message', () => {
  void processors
    .stop()
    .then(() => log.close())
    .then(() => process.exit(0))
})
