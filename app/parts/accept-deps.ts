/** What turns a message, an inventory row or a re-driven letter into a record of the log: the same for all programs. */
import { createDeadLetterCodec, createEventCodec } from '../../adapters/avro/event-codec.ts'
import { createFleetCodec } from '../../adapters/avro/fleet-codec.ts'
import { randomIds } from '../../adapters/system/clock-ids-digest.ts'
import { inflateBounded } from '../../adapters/system/inflate.ts'
import type { AlarmCommandDeps } from '../../ingest/alarm-command.ts'
import type { RedriveDeps } from '../../ingest/redrive.ts'
import type { Composition } from '../composition.ts'

export const acceptDeps = ({ config, metrics, topicMap, made }: Composition): RedriveDeps & Pick<AlarmCommandDeps, 'encodeSignal'> => {
  const letters = createDeadLetterCodec()
  return {
    log: made.log,
    codec: createEventCodec(),
    encodeSignal: createFleetCodec().encode,
    encodeDeadLetter: letters.encode,
    decodeDeadLetter: letters.decode,
    keys: made.keys,
    ids: randomIds,
    tenant: config.TENANT,
    topicMap,
    inflate: inflateBounded,
    counters: {
      accepted: () => metrics.messages.inc({ outcome: 'accepted' }),
      deadLettered: (reason) => {
        metrics.messages.inc({ outcome: 'dead_letter' })
        metrics.deadLetters.inc({ reason })
      },
      ignored: () => metrics.messages.inc({ outcome: 'ignored' }),
    },
  }
}
