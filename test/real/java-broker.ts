/** An MQTT broker in a Java process of its own, for tests. */
import { serverProcess, type ServerProcess } from './server-process.ts'

export type RealBroker = Pick<ServerProcess, 'start' | 'kill' | 'stop'> & { url: string }

const readyWithinMs = 90_000

export const startJavaBroker = async (name: string, port: number, args: readonly string[], logFile: string): Promise<RealBroker> => {
  const server = serverProcess({ name, program: 'java', args, port, logFile, readyWithinMs })
  await server.start()
  return { ...server, url: `mqtt://127.0.0.1:${port}` }
}
