/** The bridge on brokers beside Mosquitto, as they are shipped. */
import { describe } from 'vitest'
import { startHivemq } from '../../test/real/hivemq-server.ts'
import { startMoquette } from '../../test/real/moquette-server.ts'
import { bridgeOnBroker } from './bridge-on-broker.contract.ts'

describe('HiveMQ CE', () => bridgeOnBroker('HiveMQ CE', ['3.1.1', '5'], (dir) => startHivemq({ dir })))
describe('Moquette', () =>
  bridgeOnBroker('Moquette', ['3.1.1'], (dir) => startMoquette({ dir }), { unmarkedCopies: true, withoutShare: true }))
