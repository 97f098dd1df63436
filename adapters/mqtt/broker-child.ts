/** Test help: a broker in a process of its own, to be killed. Takes folder and port (0: any), prints its port. */
import { startEmbeddedBroker } from './embedded-broker.ts'

const [dataDir = '', port = '0'] = process.argv.slice(2)
const broker = await startEmbeddedBroker({
  dataDir,
  listen: { tcp: { host: '127.0.0.1', port: Number(port) }, webSocket: null, tls: null },
  usersFile: null,
  rightsOf: () => ({ mayPublish: () => true, mayReceive: () => true }),
})
broker.onMessage(async () => undefined)
process.stdout.write(`${broker.addresses.tcp?.port}\n`)
