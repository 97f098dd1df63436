/** Test help: a broker in a process of its own, to be killed. Prints its port. */
import { startEmbeddedBroker } from './embedded-broker.ts'

const broker = await startEmbeddedBroker({
  dataDir: process.argv[2] ?? '',
  listen: { tcp: { host: '127.0.0.1', port: 0 }, webSocket: null, tls: null },
  usersFile: null,
  rightsOf: () => ({ mayPublish: () => true, mayReceive: () => true }),
})
broker.onMessage(async () => undefined)
process.stdout.write(`${broker.addresses.tcp?.port}\n`)
